# The JSON of stat fits its schema and says what the text says; an empty extent is null.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | vt-embed -m model -g gallery
vt-index stat --json -g gallery >stat.json
jq -c 'del(.bytes)' stat.json
[[ $(jq .bytes stat.json) == $(stat -L -c %s gallery) ]] || echo "other size"
/usr/bin/python3 -c 'import json, sys, jsonschema
jsonschema.Draft202012Validator(json.load(open(sys.argv[1]))).validate(json.load(open(sys.argv[2])))' \
    "$root/schemas/gallery.schema.json" stat.json && echo valid
vt-index stat -g gallery | grep -v bytes
VT_GALLERY=gallery vt-index stat --json | jq .points
