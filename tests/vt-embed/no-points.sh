# An input without points is an error, and makes no gallery.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
vt-embed -m model -g gallery </dev/null
echo "status $?"
printf '\n\n' | vt-embed -m model -g gallery -
echo "status $?"
vt-embed -m model -g gallery nowhere.geojsonl
echo "status $?"
ls | grep -vx shared
