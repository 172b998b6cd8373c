# A list that holds what cannot be names is refused at that line; so is one without an end.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
{ echo ref/frames/00.png; head -c 5000 /dev/zero | tr '\0' a; } >long.txt
printf 'ref/frames/00.png\nx\n\0y\n' >zero.txt
printf '\n\r\n' >blank.txt
printf 'ref/frames/00.png' >unended.txt
for list in long.txt zero.txt blank.txt /dev/zero; do
    vt-frames -m model --list $list
    echo $?
done
head -c 5000 /dev/zero | vt-frames -m model --list -
echo $?
vt-frames -m model --list unended.txt | jq -c '[.properties.source, .properties.frame, .properties.frames]'
