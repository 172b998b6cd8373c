# Standard descriptors that are closed: an error, and nothing else gets what was meant for them.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors \
    --tempgeo-heads 4 --refiner-heads 4 -o model || exit
before=$(cat model/* | cksum)
vt-frames -m model - <&-
echo $?
vt-frames -m model ref/frames >&-
echo $?
vt-frames -m model -o out.geojsonl ref/frames <&- >&- 2>&-
echo $?
grep -c . out.geojsonl
vt-frames -m model -o none/out.geojsonl ref/frames <&- >&- 2>&-
echo $?
printf '{"type":"Feature","geometry":{"type":"Point","coordinates":[9,47]},"properties":{"kind":"point"}}\n' >points
vt-embed -m model -g new.gallery points <&- >&- 2>&-
echo $?
vt-index dump -g new.gallery <&- >&-
echo $?
vt-index verify -g new.gallery <&- >&- 2>&-
vt-index dump -g new.gallery | wc -l
[ "$before" = "$(cat model/* | cksum)" ] && echo untouched
