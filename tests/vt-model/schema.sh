# config.json of every kind of model is valid under schemas/model.schema.json, and what is damaged is not.
. "$root/tests/vt-model/common.inc"
tiny
schema=$root/schemas/model.schema.json
valid() { /usr/bin/python3 -W ignore -m jsonschema -i "$1" "$schema" >/dev/null 2>&1 && echo valid || echo invalid; }
valid model/config.json
jq 'del(.refiner)' model/config.json >c.json; valid c.json
jq '.architecture = "geoclip" | .mlp.activation = "relu" | del(.dinov2, .tempgeo, .refiner, .files.dinov2)' model/config.json >c.json; valid c.json
for edit in '.version = 2' '.surprise = 1' '.clip.layers = 65' '.clip.layers = 1.5' 'del(.clip)' 'del(.ids)' \
    '.ids.model = "x"' '.files.clip = "../x"' '.mlp.sizes = [1]' '.architecture = "geoclip"'; do
    jq "$edit" model/config.json >c.json
    valid c.json
done
