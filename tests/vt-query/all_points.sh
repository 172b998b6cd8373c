# A gallery of fewer points than candidates asked for gives all of them.
. "$root/tests/vt-query/setup"
vt-query -k 1000 frames | jq -c 'select(.geometry) | .properties.candidates | length' | uniq -c | sed 's/^ *//'
