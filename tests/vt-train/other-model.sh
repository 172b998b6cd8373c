# Features of another model are refused by name, in a stream and in a cache.
. "$root/tests/vt-train/setup"
vt-train --cache mine drives
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --recipe crop -o other
status vt-train -m other --cache c drives
status vt-train -m other --phase 1 --steps 1 -o m mine
ls
