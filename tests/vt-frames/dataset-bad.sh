# Data sets that are not there, or damaged; wrong usage.
. "$root/tests/vt-frames/gps-setup"
status vt-frames --dataset msls --split train nothere
mkdir -p msls/train_val/x/query/images bdd/info/100k/val bdd/videos/val cg/test/Lund/1
status vt-frames --dataset msls --split train msls
echo ',key,sequence_key,frame_number' >msls/train_val/x/query/seq_info.csv
echo ',key,lon,lat,pano' >msls/train_val/x/query/raw.csv
status vt-frames --dataset msls --split train msls
echo '0,../../../etc/passwd,s,1' >>msls/train_val/x/query/seq_info.csv
status vt-frames --dataset msls --split train msls
sed -i '$s/.*/0,a,s,1/' msls/train_val/x/query/seq_info.csv
echo '0,a,63.4,104.1,False' >>msls/train_val/x/query/raw.csv
status vt-frames --dataset msls --split train msls
status vt-frames --dataset msls --split test msls
cp drive.mp4 bdd/videos/val/v.mov
status vt-frames --dataset bdd100k --split val bdd
for text in '{' '[]' '{"locations": 3}' '{"locations": [{"timestamp": 1}]}' \
    '{"locations": [{"timestamp": 1, "latitude": 113, "longitude": 22}]}'; do
    echo "$text" >bdd/info/100k/val/v.json
    status vt-frames --dataset bdd100k --split val bdd
done
echo '../v' >ids
status vt-frames --dataset gama --split val --ids ids bdd
echo 'v some' >ids
status vt-frames --dataset gama --split val --ids ids bdd
echo 'city,lat,lon
Malmo,55.6,13' >centers.csv
status vt-frames --dataset cityguessr --split test --centers centers.csv cg
echo 'Lund,55.7,13.2' >>centers.csv
status vt-frames --dataset cityguessr --split test --centers centers.csv cg
for options in '--dataset imagenet' '--dataset msls' '--split train' '--dataset msls --split train --ids ids' \
    '--dataset cityguessr --split test' '--dataset bdd100k --split val --centers centers.csv' \
    '--dataset msls --split train --gps north.gpx' '--dataset msls --split train more'; do
    # shellcheck disable=SC2086
    status vt-frames $options msls
done
