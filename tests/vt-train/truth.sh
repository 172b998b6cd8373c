# What cannot be true is an error, or with --skip-errors left out; frames without truth are left out.
. "$root/tests/vt-train/setup"
change() { jq -c "if .properties.source == \"drive-3\" and .properties.frame == 5 then .properties.truth = $1 else . end" drives; }
for truth in '[0, 0]' '[47.1, 139.7]' '[139.7, 91]' '[400, 47]' '"x"' '[1]'; do
    change "$truth" | status vt-train --cache c
    change "$truth" | status vt-train --skip-errors --cache c
    rm -f c
done
change null | status vt-train --cache c
change null | status vt-train -q --overwrite --cache c
/usr/bin/python3 "$root/tests/vt-train/cache.py" c | tail -n 1
jq -c 'del(.properties.truth)' drives | status vt-train --cache none
change '[0, 0]' | status vt-train --phase 1 --steps 1 --skip-errors "${small[@]}" -o m
# a source without a frame that is known is none; records with errors are not frames
jq -c 'if .properties.source == "drive-0" then del(.properties.truth) else . end |
    if .properties.source == "drive-1" and .properties.frame == 2 then
        .properties |= (del(.feature, .truth, .backbone) | .error = {type: "decode", message: "x"}) else . end' drives |
    status vt-train -q --overwrite --cache c
/usr/bin/python3 "$root/tests/vt-train/cache.py" c | tail -n 1
# sources that are shorter than a step
status vt-train --phase 1 --steps 2 "${small[@]}" --frames 16 -o short c
ls
