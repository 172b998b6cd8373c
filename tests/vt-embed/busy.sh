# A second writer leaves at once and says why; a reader is not kept out.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
point() { echo '{"type":"Feature","geometry":{"type":"Point","coordinates":['$1']},"properties":{}}'; }
mkfifo pipe
vt-embed -m model -g gallery pipe &
exec 3>pipe
point 1,1 >&3
while ! vt-index stat -g gallery >stat 2>&1; do sleep 0.1; done
point 2,2 | vt-embed -m model -g gallery
echo "status $?"
vt-index build -g gallery
echo "status $?"
grep points stat
exec 3>&-
wait
vt-index stat -g gallery | grep points
