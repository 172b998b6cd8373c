#!/usr/bin/env bash
# Makes the demo's data from nothing: the town, backbones and heads, and drives that were held out.
#   data/make-model.sh BUILD WORK       after `make all world`; e.g. data/make-model.sh build build/made
# WORK/demo is then what data/demo holds, WORK/held-out all that it was made of, and the table of vt-eval on standard
# output says what the model is worth on all held-out drives. What is there already is not made again. In the environment:
#   DRIVE=0026                                    the held-out drive that the demo shows
#   PAIRS=15000  BACKBONE_STEPS=700               fewer, to try this script
#   DRIVES, MORE, TEST, STEPS, REFINER_STEPS, PUBLISHED as in tests/world/held-out, which trains the heads and judges them
set -euo pipefail
unset MAP SPAT WORLD VT_MODEL VT_GALLERY
cd "$(dirname "$0")/.."
build=$(realpath "$1")
mkdir -p "$2"
work=$(realpath "$2")
PATH=$build/bin:$build/world:$PATH
begun=$SECONDS

# once NAME COMMAND...: prints and runs it, unless there is a NAME already.
once() {
    local name=$1
    shift
    [[ ! -e $work/$name ]] || return 0
    printf '$ %s\n' "$*" >&2
    (cd "$work" && eval "$*")
}

# The backbones learn to know a place again, in other towns than the demo's.
for seed in 2 3 4; do
    once town$seed world-town --seed $seed -o town$seed
    once pairs$seed.safetensors "world-drive --pairs ${PAIRS:-15000} --seed $seed -o pairs$seed.safetensors town$seed/*.geojson"
done
once backbones "vt-train --phase 0 --steps ${BACKBONE_STEPS:-700} --batch 192 --schedule cosine --lr 1.5e-3 --warmup 50 \
--temperature 0.05 --log backbones.log -o backbones pairs2.safetensors pairs3.safetensors pairs4.safetensors"

tests/world/held-out "$build" "$work/backbones" "$work/held-out"

# The whole model in float16. No tensor tells the towers' numbers of attention heads: they are vt-train's.
heads() { sed -n "/\"$1\": {/,/}/s/.*\"heads\": \([0-9]*\).*/\1/p" "$work/backbones/config.json"; }
once demo/model "mkdir -p demo && vt-model import --half --clip held-out/refined/clip.safetensors --clip-heads $(heads clip) \
--dinov2 held-out/refined/dinov2.safetensors --dinov2-heads $(heads dinov2) --heads held-out/refined/heads.safetensors -o demo/model"
drive=held-out/test/drive-${DRIVE:-0026}
once demo/drive.gpx "cp held-out/town/*.geojson demo && cp $drive.mp4 demo/drive.mp4 && cp $drive.gpx demo/drive.gpx"
printf 'minutes: %d\n' $(((SECONDS - begun + 30) / 60)) >&2
