# A GeoCLIP model: each frame for itself, in batches; vt-refine says what is missing.
. "$root/tests/vt-query/setup"
/usr/bin/python3 "$root/tests/vt-query/make_geoclip.py" ref/model-tiny parts || exit 99
vt-model import --clip ref/model-tiny/clip --image-mlp parts/image_mlp.safetensors --location parts/location.safetensors \
    --logit-scale parts/logit_scale.safetensors -o geoclip || exit 99
export VT_MODEL=geoclip VT_GALLERY=geo.gallery
vt-embed -q points || exit 99
vt-frames -q ref/frames >frames || exit 99
long_source 150 | vt-query >many
vt-query frames >few
jq -s -c '[.[:8][] | .geometry.coordinates]' few
jq -s -c --slurpfile few few '[length, ([.[:150][] | .geometry.coordinates == $few[.properties.frame % 8].geometry.coordinates] | all),
    .[150].properties.frames]' many
vt-refine few
