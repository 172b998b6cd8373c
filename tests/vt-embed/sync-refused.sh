# A sync whose input breaks off or is empty changes nothing: a pipe that fails must not take points away.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | sort -u >points
export VT_MODEL=model VT_GALLERY=gallery
vt-embed --sync town points
sha256sum gallery >sum
vt-embed --sync town </dev/null
echo "status $?"
{ sed -n 1,10p points; echo '{"type":'; } | vt-embed --sync town
echo "status $?"
head -c 1000 points | vt-embed --sync town
echo "status $?"
vt-embed --sync "$(printf 'a\nb')" points
echo "status $?"
sha256sum -c --quiet sum
