# A frame's point is embedded to the last of its seven decimals: 170.000005 is not 170, as it would be in single precision.
. "$root/tests/vt-query/setup"
vt-query frames >matches
for lon in 170 170.000005; do
    jq -c --argjson lon "$lon" 'if .geometry then .geometry.coordinates = [$lon, 50] else . end' matches |
        vt-refine --keep-vectors | jq -c 'select(.geometry) | [.properties.initial, .properties.refined]' >"refined-$lon"
done
jq -c '.[0]' refined-170.000005 | uniq -c
comm -12 <(jq '.[1]' refined-170 | sort) <(jq '.[1]' refined-170.000005 | sort) | wc -l
