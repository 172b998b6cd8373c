# What is no regular file among pictures is an error record, and nothing waits for it; links are followed.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
mkdir set && cp ref/frames/00.png set/0.png
mkfifo set/1.png
ln -s /dev/zero set/2.png
ln -s 4.png set/3.png && ln -s 3.png set/4.png
ln -s ../ref/frames/01.png set/5.png
: >set/6.png
timeout 30 vt-frames -m model set | jq -c '[.properties.frame, .properties.error.message, .properties.frames]'
echo "${PIPESTATUS[0]}"
timeout 30 vt-frames -m model /dev/zero
echo $?
timeout 30 vt-frames -m model --list <(ls -d set/[05].png) | jq -c '[.properties.frame, .properties.frames]'
