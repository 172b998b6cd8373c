# Many small runs in any order give the same points as one, with the fixture's embeddings;
# other batches and thread counts too.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors >points
vt-embed -m model -g whole --dtype f32 points
tac points | split -l 100 - part.
for part in part.*; do vt-embed -m model -g parts --dtype f32 --batch 7 --threads 3 "$part"; done
vt-index dump -g whole >whole.dump
vt-index dump -g parts | cmp - whole.dump
vt-index verify -g parts && wc -l <whole.dump
vt-index dump --embeddings -g parts | /usr/bin/python3 "$root/tests/vt-embed/golden.py" compare ref/golden.safetensors
