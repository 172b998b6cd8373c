# A loss that is no number stops the training; the last good state is kept, and a lower rate goes on from it.
. "$root/tests/vt-train/setup"
vt-train --cache c drives
train() { status vt-train --phase 1 "${small[@]}" --warmup 0 --state s "$@" c; }
train --steps 5 -o first
cp s good
train --steps 30 --lr 1e13 -o m 2>&1 | sed -E 's/step [0-9]+/step N/g; s/(loss|gradient) is/number is/'
cmp s good
train --steps 30 -o m
vt-train --phase 1 "${small[@]}" --warmup 0 --steps 30 -o whole c
cmp m/heads.safetensors whole/heads.safetensors
train --steps 30 --lr 1e13 --overwrite -o m2 --state t --save-every 0 2>&1 | sed -E 's/step [0-9]+/step N/g; s/(loss|gradient) is/number is/'
ls
