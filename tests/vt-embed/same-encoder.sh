# The same heads from a .pth file have the same location encoder: its gallery takes their points, and knows them.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.pth -o pth
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors >points
vt-embed -m model -g gallery points
vt-embed -m pth -g gallery --progress json points 2>&1 | jq -c 'select(has("added"))'
