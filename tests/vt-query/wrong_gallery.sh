# A gallery of another location encoder is refused.
. "$root/tests/vt-query/setup"
vt-model import -q --clip data/demo/model-src/clip --dinov2 data/demo/model-src/dinov2 --heads data/demo/model-src/heads.safetensors -o demo || exit 99
vt-embed -q -m demo -g demo.gallery points || exit 99
vt-query -g demo.gallery frames
