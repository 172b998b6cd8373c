# Real footage end to end: a GoPro's drive by its telemetry and photos by their EXIF; what is trained on them finds them.
# needs: shared
. "$root/tests/vt-train/setup"
vt-frames --every 500ms shared/data/video/hero_gps5.mp4 >frames
vt-frames shared/data/photos/lund >>frames
vt-train --cache c frames
/usr/bin/python3 "$root/tests/vt-train/cache.py" c frames
# waves of some 20 m: the drive is 12 m long, the walk 60
vt-train --phase 1 --steps 150 "${small[@]}" --sigma 64,1048576 --log log -o first c
vt-train -m first --phase 2 --steps 40 "${refiner[@]}" --noise own --phase2-loss contrastive -o model c
jq -s '.[-1].loss < .[0].loss / 2, .[-1].hits > 0.5' log
jq -c 'select(.properties.truth) | {type, geometry: {type: "Point", coordinates: .properties.truth}, properties: {}}' frames |
    vt-embed -q -m model -g places
vt-query -m model -g places frames >matches
vt-refine -m model -g places matches >track
for stream in matches track; do
    vt-eval --per-source --format json $stream |
        jq -c '.streams[0] | .stream, .frames, .metrics["frame_acc@0.5km"], (.metrics.frame_median_km < 0.015)'
done
