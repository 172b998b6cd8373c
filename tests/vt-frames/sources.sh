# Pictures that follow each other are one source, a list comes first, a folder and a video are sources each.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
mkdir set && cp ref/frames/0[0-4].png set && mv set/04.png set/10.png && mv set/03.png set/2.png
ffmpeg -nostdin -v error -f lavfi -i testsrc=d=2:r=10:s=64x48 -c:v libx264 v.mp4
printf 'ref/frames/07.png\r\n\nref/frames/06.png\n' >list.txt
show() { jq -c '[.properties.source, .properties.frame, .properties.t, .properties.frames]'; }
vt-frames -m model --list list.txt ref/frames/01.png set/10.png v.mp4 set >all.geojsonl
show <all.geojsonl
# A folder is its list in natural order.
printf '%s\n' set/0*.png set/2.png set/10.png >names && cat names
vt-frames -m model --list names | sed 's/"source":"names"/"source":"set"/' >listed.geojsonl
grep '"source":"set"' all.geojsonl | cmp - listed.geojsonl && echo equal
vt-frames -m model --list - <list.txt | show
vt-frames -m model --count 2 set | show
vt-frames -m model set/10.png | show
