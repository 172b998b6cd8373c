# With --skip-errors every broken record is named, the others are embedded, and the status says so.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
cat >points <<'END'
{"type":"Feature","geometry":{"type":"Point","coordinates":[1,1]},"properties":{}}
not JSON
{"type":"Feature","geometry":{"type":"LineString","coordinates":[[1,1],[2,2]]},"properties":{}}
{"type":"Feature","geometry":null,"properties":{}}
{"type":"Feature","geometry":{"type":"Point","coordinates":[1,91]},"properties":{}}
{"type":"Feature","geometry":{"type":"Point","coordinates":[361,0]},"properties":{}}
{"type":"Feature","geometry":{"type":"Point","coordinates":[NaN,0]},"properties":{}}
{"type":"Feature","geometry":null,"properties":{"error":{"type":"decode","message":"x"}}}
{"type":"Feature","geometry":null,"properties":{"end":true,"source":"a.mp4","frames":3}}
{"type":"Feature","geometry":{"type":"Point","coordinates":[2,2]},"properties":{}}
END
vt-embed -m model -g gallery --skip-errors points
echo "status $?"
vt-index stat -g gallery | grep -E 'points|staged'
