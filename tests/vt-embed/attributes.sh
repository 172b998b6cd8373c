# Properties are kept but for the id, new ones replace old ones, and a point without any keeps its own.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
p() { printf '{"type":"Feature","geometry":{"type":"Point","coordinates":[%s]},"properties":%s}\r\n' "$1" "$2"; }
{ p 9.5,47.1 '{"id":"x","kind":"road","name":"Gässle"}'; p 9.6,47.2 '{"a":[1,{"b":null}]}'; p 9.7,47.3 null; } |
    vt-embed -m model -g gallery
vt-index dump -g gallery
{ p 9.5,47.1 '{"kind":"area"}'; p 9.6,47.2 '{}'; p 9.7,47.3 '{"late":true}'; } | vt-embed -m model -g gallery
vt-index dump -g gallery
vt-index verify -g gallery
