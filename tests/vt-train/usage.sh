# Wrong usage is named, before anything is read or made.
. "$root/tests/vt-train/setup"
for options in "" "-o m" "-o m --phase 3 --steps 1" "-o m --phase 1" "-o m --phase 1 --steps 1 --epochs 2" \
    "--phase 1 --steps 1" "--phase 1 --cache c" "--cache c -o m" "--cache c --lr 1" "-o m --phase 1 --steps 1 --dtype f32" \
    "-o m --phase 1 --steps 1 --noise own" "-o m --phase 2 --steps 1 --sigma 1" "-o m --phase 2 --steps 1 --dim 8" \
    "-o m --phase 1 --steps 1 --sigma 1,x" "-o m --phase 1 --steps 1 --sigma 1,2,3,4,5,6,7,8,9" "-o m --phase 1 --steps 1.5" \
    "-o m --phase 1 --steps 0" "-o m --phase 1 --steps 1 --mlp 3.5" "-o m --phase 1 --steps 1 --layers 1,2" \
    "-o m --phase 2 --steps 1 --layers 1" "-o m --phase 2 --steps 1 --noise-jitter 5m" \
    "-o m --phase 2 --steps 1 --noise-jitter 5m,2" "-o m --phase 2 --steps 1 --noise-jitter 0.2,0.1" \
    "-o m --phase 2 --steps 1 --noise-shift 100" "-o m --phase 1 --steps 1 --schedule linear" \
    "-o m --phase 1 --steps 1 --patience 3" "-o m --phase 1 --steps 1 -g town" "-o - --phase 1 --steps 1" \
    "-o m --phase 1 --steps 1 --validate 1" "-o m --phase 1 --steps 1 --schedule cosine --decay 0.9" \
    "-o m --phase 1 --steps 1 --points 9" "-o m --phase 1 --steps 1 --negatives 9 --points 9 -g town" \
    "-o m --phase 1 --steps 1 --frame-wise --layers 1" "-o m --phase 1 --steps 1 --frame-wise --heads 1" \
    "-o m --phase 1 --steps 1 --frame-wise --ff 8" "-o m --phase 1 --steps 1 --frame-wise --dropout 0" \
    "-o m --phase 1 --steps 1 --frame-wise --max-frames 20" "-o m --phase 2 --steps 1 --noise-dropout 0.1" \
    "-o m --phase 2 --steps 1 --noise own --noise-jitter 1m,2m" "-o m --phase 2 --steps 1 --noise own --noise-shift 1" \
    "-o m --phase 2 --steps 1 --noise own --noise-collapse 0" "-o m --phase 2 --steps 1 --negatives 9"; do
    # shellcheck disable=SC2086
    status vt-train $options drives
done 2>&1 | grep -v "^Try 'vt-train --help'"
VT_MODEL='' vt-train --cache c drives; echo "status $?"
(unset VT_MODEL && status vt-train -m base --phase 0 --steps 1 -o m drives) 2>&1 | head -n 1
status vt-train --phase 1 --steps 1 -o m drives drives 2>&1 | head -n 1
TMPDIR=/nowhere status vt-train --phase 1 --steps 1 -o m drives
mkdir there
status vt-train --phase 1 --steps 1 -o there drives
status vt-train --phase 1 --steps 1 -o base drives
touch full
status vt-train --cache full drives
status vt-train -m nothere --cache c drives
status vt-train --phase 1 --steps 1 -o m nothere
status vt-train --phase 2 --steps 1 -o m drives
status vt-train --phase 1 --steps 1 --max-frames 8 -o m drives
vt-train --cache c drives
status vt-train --phase 1 --steps 1 --skip-errors -o m c 2>&1 | head -n 1
ls
