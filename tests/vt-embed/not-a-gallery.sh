# A file that is no gallery is refused and left alone; so is a place where none can be made.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[9.5,47.1]},"properties":{}}' >point
cp point text
: >empty
mkdir folder
for g in text empty folder nowhere/gallery model/config.json; do
    vt-embed -m model -g $g point
    echo "status $?"
done
cmp point text
ls | grep -vx shared
