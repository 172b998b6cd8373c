# A video by time, number, count and range; the same from a pipe and by one thread.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
ffmpeg -nostdin -v error -f lavfi -i testsrc=d=4:r=10:s=64x48 -c:v libx264 -g 10 a.mkv
show() { jq -c '[.properties.source, .properties.frame, .properties.t, .properties.frames]'; }
vt-frames -m model a.mkv | tee default.geojsonl | show
vt-frames -m model --every 1500ms a.mkv | show
vt-frames -m model --every-frames 15 --start 1 a.mkv | show
VT_MODEL=model vt-frames --count 2 --start 1 --duration 2s a.mkv | show
vt-frames -m model --threads 1 a.mkv | cmp - default.geojsonl
vt-frames -m model - <a.mkv | sed 's/"source":"-"/"source":"a.mkv"/' | cmp - default.geojsonl
vt-frames -m model --every 1s -o out.geojsonl a.mkv && cmp out.geojsonl default.geojsonl
vt-frames -m model -o out.geojsonl a.mkv
