#!/bin/sh
# What `make demo` runs: every stage on the project's own data, each command as one would type it.
#   BIN=build/bin sh data/demo.sh     works in build/demo, which it makes anew
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-build/bin}
work=${bin%/*}/demo
data=data/demo
table=
PATH=$(cd "$bin" && pwd):$PATH
export PATH

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

rm -rf "$work"
mkdir -p "$work"
cat <<EOT
The streets of a town, the points along them, their embeddings; then a drive, and where its frames may be.
The commands below run as they stand after
\$ PATH=\$PWD/$bin:\$PATH; mkdir -p $work
EOT

stage "vt-model import" "vt-model import --clip $data/model-src/clip --dinov2 $data/model-src/dinov2 --heads $data/model-src/heads.safetensors -o $work/model"
row "vt-model import" - -
stage "vt-model show" "vt-model show $work/model"

stage "vt-grid" "vt-grid --roads 20 $data/streets.shp > $work/points.geojsonl"
points=$(points_in "$work/points.geojsonl")
row "vt-grid" "$points" -
stage "points" "head -n 2 $work/points.geojsonl"
stage "vt-embed" "vt-embed -m $work/model -g $work/town.gallery $work/points.geojsonl"
row "vt-embed" "$points" -
stage "vt-index build" "vt-index build -g $work/town.gallery"
row "vt-index build" "$points" -
stage "vt-index stat" "vt-index stat -g $work/town.gallery"

stage "vt-frames" "vt-frames -m $work/model $data/drive.mp4 > $work/frames.geojsonl"
frames=$(frames_in "$work/frames.geojsonl")
row "vt-frames" - "$frames"
stage "vt-query" "vt-query -m $work/model -g $work/town.gallery $work/frames.geojsonl > $work/matches.geojsonl"
row "vt-query" "$points" "$frames"
stage "vt-refine" "vt-refine -m $work/model -g $work/town.gallery $work/matches.geojsonl > $work/track.geojsonl"
row "vt-refine" "$points" "$frames"

# A shell's pipe reports its last member alone; a stream that stops early is an error for the next member,
# and the comparison catches the rest.
stage "one pipe" "vt-frames -m $work/model $data/drive.mp4 | vt-query -m $work/model -g $work/town.gallery | vt-refine -m $work/model -g $work/town.gallery > $work/piped.geojsonl"
stage "one pipe" "cmp $work/track.geojsonl $work/piped.geojsonl"
stage "the track" "cat $work/track.geojsonl"

printf '\n%-16s %8s %8s %10s\n%s' stage points frames seconds "$table"
cat <<EOT

This model has never been trained: every stage ran as it does on real weights, but the positions mean nothing.
README.md says where real weights come from. The files are in $work.
EOT
