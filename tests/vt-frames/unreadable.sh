# Sources that cannot be read: a message that names them, status 1, nothing left behind (ls finds nothing).
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
mkdir empty
: >zero.mp4
echo some text >text.mp4
ffmpeg -nostdin -v error -f lavfi -i sine=d=1 sound.m4a
ffmpeg -nostdin -v error -f lavfi -i testsrc=d=1:r=10:s=64x48 -c:v libx264 a.mp4
printf 'ffconcat version 1.0\nfile a.mp4\n' >all.ffconcat
printf '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mp4\n' >all.m3u8
: >nothing.txt
for source in none.mp4 'none*.png' empty zero.mp4 text.mp4 sound.m4a all.ffconcat all.m3u8 http://localhost/a.mp4 /dev/null; do
    vt-frames -m model -o out.geojsonl "$source"
    echo $?
done
vt-frames -m model --start 5 a.mp4
echo $?
vt-frames -m model --every 1s ref/frames
echo $?
vt-frames -m model --start 1 ref/frames/00.png
echo $?
vt-frames -m model --count 3 - <a.mp4
echo $?
vt-frames -m model - </dev/null
echo $?
vt-frames -m model --list nothing.txt
echo $?
vt-frames -m model --list none.txt
echo $?
vt-frames -m none a.mp4
echo $?
vt-frames -m model -o none/out.geojsonl a.mp4
echo $?
vt-frames -m model a.mp4 >/dev/full
echo $?
# What was finished before stays valid: it has its end record.
vt-frames -m model a.mp4 zero.mp4 | jq -c '[.properties.frame, .properties.frames]'
ls -d -- *.geojsonl*
