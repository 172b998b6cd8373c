# Each frame gets its best point; the properties are those of the input but the feature, and what was found.
. "$root/tests/vt-query/setup"
vt-query -k 3 frames >out
summary <out
jq -r '.properties | keys_unsorted | join(" ")' out | sort | uniq -c | sed 's/^ *//'
jq -c 'select(.geometry) | [(.properties.candidates | length), .properties.candidates[0][:2] == .geometry.coordinates,
    .properties.candidates[0][2] == .properties.score, (.properties.candidates | . == sort_by(-.[2]))]' out | sort | uniq -c | sed 's/^ *//'
