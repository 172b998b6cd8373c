# The index is up to date after build, out of date where blocks change, and build then touches only those.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors >points
show() { vt-index stat -g gallery | grep -E 'points|blocks|indexed'; }
vt-embed -m model -g gallery points
show
vt-index build -g gallery && show
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[9.5,47.1]},"properties":{}}' |
    vt-embed -m model -g gallery
show
vt-index build -g gallery && show
vt-index verify -g gallery
