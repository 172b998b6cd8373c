# A cache holds the records' numbers, as a reader of its own sees them.
. "$root/tests/vt-train/setup"
vt-train --cache half drives
vt-train --cache single --dtype f32 drives
for cache in half single; do /usr/bin/python3 "$root/tests/vt-train/cache.py" $cache drives; done
vt-train --cache again <drives && cmp half again
status vt-train --cache half drives
status vt-train --cache /dev/null drives
status vt-train --cache nowhere/c drives
status vt-train --cache c /dev/null
status vt-train --phase 1 --steps 1 -o m half single nothere
# Truncated and spoilt ones, and another program's file
head -c 9000 half >cut
status vt-train --phase 1 --steps 1 -o m cut
status vt-train --phase 1 --steps 1 -o m base/clip.safetensors
