# --dtype is a new gallery's; another one than an existing gallery has is an error.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[9.5,47.1]},"properties":{}}' >point
vt-embed -m model -g gallery point
vt-index stat -g gallery | grep embeddings
vt-embed -m model -g gallery --dtype f16 point
vt-embed -m model -g gallery --dtype f32 point
echo "status $?"
vt-embed -m model -g float --dtype f32 point
vt-embed -m model -g float point
vt-index stat -g float | grep embeddings
