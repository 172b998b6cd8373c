# Through one pipe as through files; what the user added and the truth arrive.
. "$root/tests/vt-query/setup"
jq -c 'if .geometry == null and .properties.end == null then .properties.truth = [9.5, 47.1] | .properties.mine = "x" else . end' frames >added
vt-query added >matches
vt-refine matches >a
vt-query <added | vt-refine >b
cmp a b
jq -c '[.properties.truth, .properties.mine]' a | sort | uniq -c | sed 's/^ *//'
