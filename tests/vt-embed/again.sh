# The same input again changes no byte of the dump and embeds nothing.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors >points
vt-embed -m model -g gallery points
vt-index build -g gallery
vt-index dump --embeddings -g gallery >first
vt-embed -m model -g gallery --progress json points 2>&1 | jq -c 'select(has("added"))'
vt-index dump --embeddings -g gallery | cmp - first
vt-index stat -g gallery | grep -E 'blocks|indexed'
