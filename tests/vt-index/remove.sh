# remove takes a tag away: points without another one go; the rest stay. An unknown tag is an error.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | sort -u >points
export VT_MODEL=model VT_GALLERY=gallery
sed -n 1,300p points | vt-embed --tag town
sed -n 201,400p points | vt-embed --tag 'say "no"'
sed -n 1,3p points | vt-embed
vt-index build
vt-index stat --json | jq -c '[.points, .hidden, .untagged, .tags]'
vt-index remove --tag town
vt-index stat --json | jq -c '[.points, .untagged, .tags]'
vt-index verify
vt-index remove --tag town
echo "status $?"
vt-index remove
echo "status $?"
vt-index remove --tag 'say "no"'
vt-index stat --json >stat.json
jq -c '[.points, .untagged, .tags]' stat.json
/usr/bin/python3 -c 'import json, sys, jsonschema
jsonschema.Draft202012Validator(json.load(open(sys.argv[1]))).validate(json.load(open(sys.argv[2])))' \
    "$root/schemas/gallery.schema.json" stat.json && echo valid
