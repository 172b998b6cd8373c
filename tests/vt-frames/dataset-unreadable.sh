# Sources of a data set that cannot be read become error records, and the run goes on; who trains is told.
. "$root/tests/vt-frames/gps-setup"
show() { jq -c '[.properties.source, .properties.frame, .properties.truth, .properties.frames, .properties.error]'; }
mkdir -p bdd/info/100k/train bdd/videos/train
for id in a b c d e f; do
    cp drive.mp4 bdd/videos/train/$id.mov
    jq -n '{startTime: 0, locations: [range(5) | {timestamp: (1000 * .), latitude: (40 + . / 10000), longitude: -74}]}' >bdd/info/100k/train/$id.json
done
echo "no video" >bdd/videos/train/b.mov
rm bdd/info/100k/train/c.json
echo '{' >bdd/info/100k/train/d.json
echo '{"locations": []}' >bdd/info/100k/train/e.json
printf '%s\n' a b nothere c d e f >ids
vt-frames --dataset gama --split train --ids ids --every 2s --gps-gap 20s bdd >frames.geojsonl
echo "status $?"
show <frames.geojsonl
echo "--- none of the frames has a place; a range behind the end"
jq -n '{startTime: 0, locations: [range(5) | {timestamp: (1000 * . + 60000), latitude: 40, longitude: -74}]}' >bdd/info/100k/train/a.json
printf '%s\n' a f >ids
status vt-frames --dataset gama --split train --ids ids --every 10m -o some.geojsonl bdd
show <some.geojsonl
status vt-frames --dataset gama --split train --ids ids --start 9s -o none.geojsonl bdd
ls none.geojsonl 2>/dev/null
echo "--- in training"
status vt-train --cache train.safetensors frames.geojsonl
echo "--- a picture that is missing"
mkdir -p cg/test/Lund/1 cg/test/Lund/2 cg/test/Lund/3
cp ref/frames/01.png cg/test/Lund/1/0.jpg
ln -s nowhere cg/test/Lund/1/1.jpg
cp ref/frames/01.png cg/test/Lund/3/0.jpg
printf 'city,lat,lon\nLund,55.7,13.2\n' >centers.csv
vt-frames --dataset cityguessr --split test --centers centers.csv cg >frames.geojsonl
echo "status $?"
show <frames.geojsonl
status vt-frames --dataset cityguessr --split test --centers centers.csv --gps-gap 3s cg
echo "--- 0, 0 is no place"
mkdir -p msls/train_val/lund/query/images
printf 'key,sequence_key,frame_number\na,s,1\nb,s,2\nc,s,3\n' >msls/train_val/lund/query/seq_info.csv
printf 'key,lon,lat,pano\na,13.1,55.7,False\nb,0,0,False\nc,13.2,55.7,False\n' >msls/train_val/lund/query/raw.csv
for key in a b c; do cp ref/frames/01.png msls/train_val/lund/query/images/$key.jpg; done
cp -r msls/train_val/lund/query msls/train_val/lund/database
status vt-frames --dataset msls --split train -o zero.geojsonl msls
show <zero.geojsonl
