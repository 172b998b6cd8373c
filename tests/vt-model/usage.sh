# Wrong usage: status 2, a message that says what is missing, and nothing made.
. "$root/tests/vt-model/common.inc"
try vt-model
try vt-model frobnicate
try vt-model import
try vt-model import --clip ref/model-tiny/clip -o model
try vt-model import --clip a --dinov2 b --heads c
try vt-model import --clip a --dinov2 b --heads c --image-mlp d -o model
try vt-model import --clip a --image-mlp b --logit-scale c -o model
try vt-model import --clip a --image-mlp b --location c --logit-scale d --tempgeo-heads 4 -o model
try tiny --recipe squeeze
try tiny --clip-heads 0
try tiny --clip-heads many
try tiny extra
try tiny -o ''
try vt-model show
try vt-model show a b
try vt-model show -m a b
ls -A | grep -v '^data$\|^ref$\|^shared$'
exit 0
