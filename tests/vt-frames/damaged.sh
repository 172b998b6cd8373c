# Frames that cannot be decoded are error records in their places, and the status is 3.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
mkdir set && cp ref/frames/0[0-3].png set && head -c 1000 ref/frames/04.png >set/02.png && echo text >set/03.png
show() { jq -c '[.properties.frame, .properties.t, (.properties.feature | type), .properties.error, .properties.frames]'; }
vt-frames -m model set >out.geojsonl
echo $?
show <out.geojsonl
ffmpeg -nostdin -v error -f lavfi -i testsrc=d=4:r=10:s=64x48 -c:v libx264 -g 1 -movflags +faststart a.mp4
head -c $(($(stat -c %s a.mp4) * 6 / 10)) a.mp4 >cut.mp4
vt-frames -m model cut.mp4 >out.geojsonl
echo $?
show <out.geojsonl
vt-frames -m model -o whole.geojsonl set
echo $?
wc -l <whole.geojsonl
