# Every spelling of a place is one point: 180 is -180, a pole has one longitude, the grid is 1e-7 degrees.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
for c in 180,10 -180,10 30,90 -70,90 8.12345671,5 8.12345674,5; do
    echo '{"type":"Feature","geometry":{"type":"Point","coordinates":['$c']},"properties":{}}'
done | vt-embed -m model -g gallery
vt-index dump -g gallery
