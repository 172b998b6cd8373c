# From a stream to a cache, through both phases, to a model that finds places and refines them.
. "$root/tests/vt-train/setup"
vt-train --cache all.safetensors drives
vt-train --phase 1 --steps 60 "${small[@]}" -o first all.safetensors
vt-train -m first --phase 2 --steps 20 "${refiner[@]}" --noise own --phase2-loss contrastive -o second all.safetensors
ls
for model in first second; do
    vt-model show --verify --json $model | jq -c '[.embedding_dim, .max_frames, .refiner_max_frames]'
    [ "$(vt-model show --json $model | jq -r .ids.backbone)" = "$backbone" ] && cmp base/clip.safetensors $model/clip.safetensors
done
jq -c 'select(.properties.truth) | {type, geometry: {type: "Point", coordinates: .properties.truth}, properties: {}}' drives |
    vt-embed -q -m second -g town
vt-query -m second -g town drives | vt-refine -m second -g town | jq -c 'select(.properties.end) | .properties.frames' | sort | uniq -c
# the same from a stream as from its cache, and from several of both
vt-train --phase 1 --steps 5 "${small[@]}" -o a all.safetensors
vt-train --phase 1 --steps 5 "${small[@]}" -o b <drives
cmp a/heads.safetensors b/heads.safetensors
head -n 130 drives >one
tail -n +131 drives | vt-train --phase 1 --steps 5 "${small[@]}" -o c one -
vt-train --cache rest.safetensors <(tail -n +131 drives)
vt-train --phase 1 --steps 5 "${small[@]}" -o d rest.safetensors one
vt-model show --json d | jq -c .parameters
