# Where a file cannot grow, the run ends with an error and its state; later it goes on, and the result is the same.
. "$root/tests/vt-train/setup"
vt-train --cache c drives
train() { status vt-train --phase 1 --steps 10 "${small[@]}" -o m "$@" c; }
vt-train --phase 1 --steps 10 "${small[@]}" -o whole c
(
    trap '' XFSZ
    ulimit -f 60
    status vt-train --cache too-large drives
    train 2>&1
)
ls
status vt-train --phase 1 --steps 10 "${small[@]}" -o /proc/m c
status vt-train --phase 1 --steps 10 "${small[@]}" --state kept -o /proc/m c
train --log /dev/full --state s
cp s before
(
    trap '' XFSZ
    ulimit -f 60
    train --state s --save-every 0 2>&1 | uniq
)
cmp s before
train --state s
ls
cmp m/heads.safetensors whole/heads.safetensors
