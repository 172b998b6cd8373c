# Coordinates that are none on the Earth stop the run, and make no gallery.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
for c in 0,90.0000001 0,-91 361,0 -360.1,0 1e400,0 NaN,0 '"1",2' 1 ''; do
    echo '{"type":"Feature","geometry":{"type":"Point","coordinates":['$c']},"properties":{}}' |
        vt-embed -m model -g gallery
    echo "status $?"
done
ls | grep -vx shared
