# What a killed run left beside its place, where the file system has no unnamed files, goes with the next of that name,
# and nothing else does.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{}}' >points
vt-embed -m model -g gallery points
for place in archive.vtg copy gallery-compact new; do
    echo half >"$place.4000000.0.tmp"
    echo half >"$place.4000000.12.tmp"
    echo mine >"$place.4000000.tmp"
    echo mine >"$place.4000000.0.tmp.old"
    echo mine >"$place.mine"
    mkdir "$place.4000001.0.tmp"
    echo mine >"$place.4000001.0.tmp/notes.txt"
    echo used >"$place.1.0.tmp"
done
exec 7<archive.vtg.1.0.tmp 8<copy.1.0.tmp 9<gallery-compact.1.0.tmp 6<new.1.0.tmp
for fd in 6 7 8 9; do flock -n $fd; done
vt-index export -g gallery -o archive.vtg
vt-index import -g copy archive.vtg
vt-index compact -g gallery
vt-embed -m model -g new points
ls -d -- *.tmp *.old *.mine
exec 6<&- 7<&- 8<&- 9<&-
vt-index export -g gallery --overwrite -o archive.vtg
ls -d -- archive*
