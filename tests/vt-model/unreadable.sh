# Without the rights: an error that names the place, and nothing left behind. Root has all rights and takes another's.
. "$root/tests/vt-model/common.inc"
tiny
user() { "$@"; }
if [ "$(id -u)" = 0 ]; then user() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }; fi
chmod 755 . model
chmod -R a+rX model
cp -rL ref/model-tiny tiny && chmod -R a+rX tiny
cp "$(command -v vt-model)" tool && chmod 755 tool # the project itself may be out of that user's reach
mkdir closed open && chmod 777 open
cp -r model open/model
import="./tool import --clip tiny/clip --dinov2 tiny/dinov2 --heads tiny/heads.pth
    --tempgeo-heads 4 --refiner-heads 4"
chmod 555 closed open/model
# shellcheck disable=SC2086
try user $import -o closed/model
# shellcheck disable=SC2086
try user $import -o open/model --overwrite
chmod 000 model/heads.safetensors
try user ./tool show model
chmod 644 model/heads.safetensors
try user ./tool show model | tail -n 1
ls closed open
chmod 755 closed open/model
