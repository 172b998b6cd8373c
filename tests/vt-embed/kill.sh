# Killed at any moment and run again, it ends with the dump of an undisturbed run; verify passes after each kill.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors >points
vt-embed -m model -g whole --dtype f32 points
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    vt-embed -m model -g gallery --dtype f32 --batch 5 points &
    sleep "0.$((i * 37 % 90 + 10))"
    kill -KILL $!
    wait $! 2>/dev/null
    [[ -e gallery ]] && { vt-index verify -g gallery || echo "damaged after kill $i"; }
done 2>/dev/null
vt-embed -m model -g gallery points
vt-index dump -g whole >whole.dump
vt-index dump -g gallery | cmp - whole.dump
vt-index dump --embeddings -g gallery | /usr/bin/python3 "$root/tests/vt-embed/golden.py" compare ref/golden.safetensors
find . -name 'gallery*' | sort
