# Phase 0: backbones from pairs of views learn to match places; heads are then trained on their features.
/usr/bin/python3 "$root/tests/vt-train/pairs.py" >pairs
options=(--phase 0 --steps 60 --batch 24 --lr 2e-3 --warmup 5 --picture 32 --width 32 --depth 2 --projection 24 pairs)
vt-train "${options[@]}" --log log -o backbones
jq -s '.[0].loss > 2.5, .[-1].loss < 1.5, .[-1].hits > 0.5' log
vt-model show --verify --json backbones | jq -c '[.feature_dim, .embedding_dim, .picture_size, .parameters.clip, .parameters.dinov2]'
vt-frames -m backbones ref/frames | jq -c 'select(.properties.feature) | .properties.truth = [9.5 + .properties.frame / 1e4, 47.1]
    // .' >frames
vt-frames -m backbones ref/frames | tail -n 1 >>frames
vt-train -m backbones --phase 1 --steps 3 --frames 8 --dim 16 --layers 1 --heads 4 --ff 16 --mlp 16 --location-hidden 16 \
    --frequencies 8 -o model frames
vt-model show --json model | jq -c '[.feature_dim, .embedding_dim]'
# Stopped and gone on with: the same.
vt-train "${options[@]:0:2}" --steps 20 "${options[@]:4}" --state s -o early
vt-train "${options[@]}" --state s -o late
cmp late/clip.safetensors backbones/clip.safetensors && cmp late/dinov2.safetensors backbones/dinov2.safetensors
# Pairs held out: looked at every ten steps, in the log; the best weights are those written.
held=(--validate 0.4 --validate-every 10 --patience 3)
vt-train "${options[@]}" "${held[@]}" --log looks -o held
jq -sc '[.[] | select(.heldout_hits)] | [all(.step % 10 == 0), .[-1].heldout_hits <= .[-1].best_hits, .[-1].best_hits > 0.5]' looks
vt-train "${options[@]:0:2}" --steps 20 "${options[@]:4}" "${held[@]}" --state h -o early-held
vt-train "${options[@]}" --state h -o other; echo "status $?"
vt-train "${options[@]}" "${held[@]}" --state h -o late-held
cmp late-held/clip.safetensors held/clip.safetensors && cmp late-held/dinov2.safetensors held/dinov2.safetensors
vt-train "${options[@]}" --validate 1e-9 -o other; echo "status $?"
vt-train "${options[@]}" --patience 2 -o other; echo "status $?"
vt-train "${options[@]}" "${held[@]}" -g town -o other; echo "status $?"
for wrong in ref/golden.safetensors nothere; do vt-train --phase 0 --steps 1 -o m $wrong; echo "status $?"; done
vt-train --phase 0 --steps 1 --picture 30 -o m pairs; echo "status $?"
vt-train --phase 0 --steps 1 --dim 30 -o m pairs; echo "status $?"
vt-train --phase 0 --steps 1 -o m; echo "status $?"
vt-train "${options[@]}" --width 64 --state s -o m; echo "status $?"
ls
