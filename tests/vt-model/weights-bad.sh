# A model folder whose weights are not what config.json says: status 1, file and tensor named.
. "$root/tests/vt-model/common.inc"
tiny
fresh() { rm -rf m; cp -r model m; }
fresh; truncate -s -1 m/clip.safetensors; try vt-model show m
fresh; truncate -s 0 m/heads.safetensors; try vt-model show m
fresh; rm m/dinov2.safetensors; try vt-model show m
fresh; cp m/clip.safetensors m/dinov2.safetensors; try vt-model show m
fresh; echo 'no weights at all, just text' >m/heads.safetensors; try vt-model show m
fresh; sed -i 's/logit_scale/logit_scald/' m/heads.safetensors; try vt-model show m
fresh; jq 'del(.refiner)' model/config.json >m/config.json; try vt-model show m
fresh; printf '\377\377\377\377' | dd of=m/clip.safetensors bs=1 seek=420000 conv=notrunc status=none
try vt-model show --verify m
