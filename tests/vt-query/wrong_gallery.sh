# A gallery of another location encoder is refused.
. "$root/tests/vt-query/setup"
vt-model import -q --clip ref/doggerby/model-src/clip --dinov2 ref/doggerby/model-src/dinov2 --heads ref/doggerby/model-src/heads.safetensors -o demo || exit 99
vt-embed -q -m demo -g demo.gallery points || exit 99
vt-query -g demo.gallery frames
