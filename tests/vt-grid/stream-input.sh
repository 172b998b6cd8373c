# Newline-delimited GeoJSON on standard input; LF, CRLF and RS; properties are kept.
printf '%s\r\n\n\036%s\n' \
    '{"type":"Feature","properties":{"name":"a \"b\""},"geometry":{"type":"LineString","coordinates":[[9.52,47.14],[9.6,47.2]]}}' \
    '{"type":"Feature","properties":{"lanes":2},"geometry":{"type":"Point","coordinates":[1,2]}}' >in
vt-grid --roads 5000 --keep name,lanes - <in
vt-grid --points --keep name,lanes -q - <in
