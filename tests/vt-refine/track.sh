# The refined track: properties of a track, initial points kept, vectors left out.
. "$root/tests/vt-query/setup"
vt-query frames >matches
vt-refine matches >out
summary <out
jq -r '.properties | keys_unsorted | join(" ")' out | sort | uniq -c | sed 's/^ *//'
diff <(jq -c '.properties.initial // empty' out) <(jq -c '.geometry.coordinates // empty' matches)
