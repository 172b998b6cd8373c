# Without -k, each frame has ten candidates, the first of which is its place.
. "$root/tests/vt-query/setup"
vt-query frames | jq -c 'select(.properties.frame != null) |
    [(.properties.candidates | length), .properties.candidates[0][:2] == .geometry.coordinates,
     .properties.candidates[0][2] == .properties.score, (.properties.candidates | map(-.[2]) | . == sort)]' | uniq -c
