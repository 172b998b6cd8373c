# Features of another kind are left out with a word about it; -q is silent.
printf '%s\n' '{"type":"Feature","geometry":{"type":"Point","coordinates":[180,10]}}' \
    '{"type":"Feature","geometry":null}' \
    '{"type":"Feature","geometry":{"type":"LineString","coordinates":[[1,2],[3,4]]}}' >in
vt-grid --points - <in
vt-grid --points -q - <in
