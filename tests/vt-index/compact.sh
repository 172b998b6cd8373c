# compact gives space back and keeps points, tags, the index, what is staged, and the file's mode.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | sort -u >points
export VT_MODEL=model VT_GALLERY=gallery
for i in 1 2 3 4 5 6 7 8; do vt-embed --batch 20 --tag "t$i" points; done
sed -n 1,260p points | vt-embed --sync t1
for i in 2 3 4 5 6 7 8; do vt-index remove --tag "t$i"; done
vt-index build
chmod 640 gallery
vt-index dump --embeddings >before
before=$(stat -c %s gallery)
for i in 1 2 3; do
    vt-index compact
    vt-index verify
    vt-index dump --embeddings | cmp - before
    [[ $(stat -c %s gallery) -lt $before ]] || echo "no smaller"
    vt-index stat --json | jq -c '[.points, .hidden, .blocks == .indexed_blocks, .tags]'
    # Writers and readers go on as before.
    sed -n 261,300p points | vt-embed --tag more
    vt-index verify
    vt-index remove --tag more
    vt-index build
done
stat -c %a gallery
ls | grep gallery
