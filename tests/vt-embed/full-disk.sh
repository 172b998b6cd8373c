# Where the file cannot grow, the run ends with an error; later it goes on, and the result is the same.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors >points
vt-embed -m model -g whole --dtype f32 points
for kb in 40 80 120 160; do
    (
        trap '' XFSZ
        ulimit -f $kb
        vt-embed -m model -g gallery --dtype f32 --batch 50 points 2>said
        echo "status $? $(wc -l <said)"
    )
    vt-index verify -g gallery
done
vt-embed -m model -g gallery points
vt-index dump -g whole >whole.dump
vt-index dump -g gallery | cmp - whole.dump
vt-index dump --embeddings -g gallery | /usr/bin/python3 "$root/tests/vt-embed/golden.py" compare ref/golden.safetensors
