#!/bin/sh
# What `make demo` runs: every stage on the project's own data, each command as one would type it.
#   BIN=build/bin sh data/demo.sh     works in build/demo, which it makes anew; world-map is in build/world
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-build/bin}
work=${bin%/*}/demo
data=data/demo
model=$data/model
gallery=$work/town.gallery
table=
PATH=$(cd "$bin" && pwd):$(cd "${bin%/*}/world" && pwd):$PATH
export PATH
unset VT_MODEL VT_GALLERY

now_ms() { date +%s%3N; }

# stage NAME COMMAND: prints the command, runs it, keeps the time. The first failure ends the demo.
stage() {
    printf '\n$ %s\n' "$2"
    begun=$(now_ms)
    status=0
    eval "$2" || status=$?
    took=$(($(now_ms) - begun))
    if [ "$status" -ne 0 ]; then
        echo "demo: '$1' ended with exit status $status; the demo stops here" >&2
        exit "$status"
    fi
}

# row NAME POINTS FRAMES: a line of the closing table, with the seconds of the last stage.
row() {
    table="$table$(printf '%-16s %8s %8s %6d.%03d' "$1" "$2" "$3" $((took / 1000)) $((took % 1000)))
"
}

points_in() { grep -c '"type":"Point"' "$1" || true; }
frames_in() { grep -c '"frame":' "$1" || true; }
# The median error of a track's frames, in whole metres.
median_of() {
    vt-eval --format csv "$1" | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "frame_median_km") c = i }
        NR == 2 { printf "%.0f", 1000 * $c }'
}

rm -rf "$work"
mkdir -p "$work"
cat <<EOT
The streets of an invented town, the points along them, their embeddings; then a drive that the model has never
seen, where its frames are, and how far that is from the drive's GPS.
The commands below run as they stand after
\$ PATH=\$PWD/$bin:\$PWD/${bin%/*}/world:\$PATH; mkdir -p $work
EOT

stage "vt-model show" "vt-model show $model"

stage "vt-grid" "vt-grid --roads 5 $data/streets.geojson > $work/points.geojsonl"
points=$(points_in "$work/points.geojsonl")
row "vt-grid" "$points" -
stage "points" "head -n 2 $work/points.geojsonl"
stage "vt-embed" "vt-embed -m $model -g $gallery $work/points.geojsonl"
row "vt-embed" "$points" -
stage "vt-index build" "vt-index build -g $gallery"
row "vt-index build" "$points" -
stage "vt-index stat" "vt-index stat -g $gallery"

# drive.gpx lies beside the video: the frames carry their true places, which only vt-eval and the map look at.
stage "vt-frames" "vt-frames -m $model $data/drive.mp4 > $work/frames.geojsonl"
frames=$(frames_in "$work/frames.geojsonl")
row "vt-frames" - "$frames"
stage "vt-query" "vt-query -m $model -g $gallery $work/frames.geojsonl > $work/matches.geojsonl"
row "vt-query" "$points" "$frames"
stage "vt-refine" "vt-refine -m $model -g $gallery $work/matches.geojsonl > $work/track.geojsonl"
row "vt-refine" "$points" "$frames"
stage "the track" "head -n 2 $work/track.geojsonl"

# A shell's pipe reports its last member alone; a stream that stops early is an error for the next member,
# and the comparison catches the rest.
stage "one pipe" "vt-frames -m $model $data/drive.mp4 | vt-query -m $model -g $gallery | vt-refine -m $model -g $gallery > $work/piped.geojsonl"
stage "one pipe" "cmp $work/track.geojsonl $work/piped.geojsonl"

stage "vt-eval" "vt-eval --thresholds 25m,50m,100m,500m $work/matches.geojsonl $work/track.geojsonl"
row "vt-eval" - "$frames"
stage "world-map" "world-map --truth $data/drive.gpx --track $work/matches.geojsonl --track $work/track.geojsonl -o $work/map.svg $data/buildings.geojson $data/streets.geojson"
row "world-map" - "$frames"

printf '\n%-16s %8s %8s %10s\n%s' stage points frames seconds "$table"
cat <<EOT

The model has learned this town from other drives, at other hours and in other traffic; this drive was held out.
Half of its $frames frames are placed within $(median_of "$work/track.geojsonl") m of where the camera was.
$work/map.svg shows the drive: the true track, and a dot for each frame, tied to where it was taken.
data/README.md says how the model was made.
EOT
