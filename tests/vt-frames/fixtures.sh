# The eight pictures of the fixtures: one record each, in natural order, then the end.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
vt-frames -m model ref/frames > out.geojsonl || exit
jq -c '[.type, .geometry, .properties.source, .properties.frame, .properties.frames, .properties.t,
    (.properties.feature // "" | @base64d | length > 0), (.properties.feature // "" | length)]' out.geojsonl
vt-frames -m model ref/frames/*.png | cmp - out.geojsonl
vt-frames -m model --threads 1 'ref/frames/*' | sed 's|ref/frames/\*|ref/frames|' | cmp - out.geojsonl
jq -r '.properties.backbone // empty' out.geojsonl | sort -u > id
vt-model show --json model | jq -r '.. | strings' | grep -cFf id
