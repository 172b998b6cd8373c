# The paper's data sets, in miniature trees of the layout in which they are shipped.
. "$root/tests/vt-frames/gps-setup"
show() { jq -c '[.properties.source, .properties.frame, .properties.t, .properties.truth, .properties.frames]'; }
echo "--- MSLS: both sides, panoramas dropped, sequences by number of frame, one in ten for validation"
for side in query database; do
    at=msls/train_val/trondheim/$side
    mkdir -p $at/images
    printf ',key,sequence_key,frame_number\n' >$at/seq_info.csv
    printf ',key,lon,lat,ca,captured_at,pano\n' >$at/raw.csv
    : >$at/postprocessed.csv
done
n=0
picture() { # SIDE KEY SEQUENCE NUMBER PANO
    local at=msls/train_val/trondheim/$1
    cp ref/frames/00.png "$at/images/$2.jpg"
    echo "$n,$2,$3,$4" >>"$at/seq_info.csv"
    echo "$n,$2,10.4$n,63.4,90.5,2018-06-01,$5" >>"$at/raw.csv"
    n=$((n + 1))
}
picture query q10 seqA 10 False
picture query q9 seqA 9 False
picture query qpano seqA 11 True
picture database d1 seqB 1 False
for i in {0..9}; do picture database "e$i" "seq$i" 0 False; done
mkdir -p msls/train_val/zurich
vt-frames --dataset msls --split train msls | show
echo "--- validation"
vt-frames --dataset msls --split val msls | show
echo "--- BDD100k, all and by a list of GAMa's"
mkdir -p bdd/info/100k/train bdd/videos/train
for id in cabc-1 cabc-2 cabc-3; do cp drive.mp4 bdd/videos/train/$id.mov; done
locations() { jq -n "{rideID: \"x\", startTime: 1506800843000, accelerometer: [{x: 1, y: 2, z: 3, timestamp: 1}], locations: $1}"; }
locations '[range(4) | {timestamp: (1506800843500 + 1000 * .), latitude: (40 + . / 10000), longitude: -74, speed: 11}]' >bdd/info/100k/train/cabc-1.json
locations '[range(5) | {timestamp: (1506800843000 + 1000 * .), latitude: 0, longitude: 0}]' >bdd/info/100k/train/cabc-2.json
jq 'del(.startTime)' bdd/info/100k/train/cabc-1.json >bdd/info/100k/train/cabc-3.json
vt-frames --dataset bdd100k --split train bdd | show
printf 'cabc-3 16\n\ncabc-1\n' >ids
vt-frames --dataset gama --split train --ids ids --every 10m bdd | show
vt-frames --dataset bdd100k --split train --every 20m bdd | show
echo "status ${PIPESTATUS[0]}"
echo "--- CityGuessr68k: numbers are not padded; the truth is the city's centre"
for i in 2 10 1; do mkdir -p cg/train/Lund/7 cg/train/Lund/12 && cp ref/frames/01.png cg/train/Lund/7/$i.jpg; done
cp ref/frames/01.png cg/train/Lund/12/0.jpg
printf 'city,lat,lon\nMalmo,55.6,13\nLund,55.7,13.2\n' >centers.csv
vt-frames --dataset cityguessr --split train --centers centers.csv cg | show
