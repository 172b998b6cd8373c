# A broken record stops the run and is named; what came before it is staged, and the next run embeds it.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
good() { echo '{"type":"Feature","geometry":{"type":"Point","coordinates":['$1']},"properties":{}}'; }
{ good 1,1; echo; good 2,2; echo '{"type":"Feature","geometry":'; good 3,3; } >points
vt-embed -m model -g gallery points
echo "status $?"
vt-index stat -g gallery | grep -E 'points|staged'
good 3,3 | vt-embed -m model -g gallery
vt-index stat -g gallery | grep -E 'points|staged'
