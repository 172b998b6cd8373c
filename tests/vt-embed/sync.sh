# --sync makes the tag's points those of the input, embeds what is new, and writes nothing where nothing has changed.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | sort -u >points
export VT_MODEL=model VT_GALLERY=gallery
changes() { grep '"added"' | jq -c 'del(.tool)'; }
sed -n 1,300p points >old
sed -n 101,400p points >new
vt-embed --sync town --progress json old 2>&1 | changes
stat -c '%Y %Z %s' gallery >before
sha256sum gallery >sum
sleep 1.1
vt-embed --sync town --progress json old 2>&1 | changes
stat -c '%Y %Z %s' gallery | cmp - before
sha256sum -c --quiet sum
vt-embed --sync town --progress json new 2>&1 | changes
vt-index verify
vt-embed -g fresh --tag town new
vt-index dump | cmp - <(vt-index dump -g fresh)
vt-index dump --embeddings | cmp - <(vt-index dump --embeddings -g fresh)
# Points of another tag, or of none, stay.
sed -n 1,20p points | vt-embed --tag other
sed -n 11,30p points | vt-embed
sed -n 401,402p points | vt-embed --sync town --progress json 2>&1 | changes
vt-index dump | wc -l
