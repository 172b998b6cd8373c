# The fixture's 512 coordinates, embedded in float32, agree with PyTorch's double-precision embeddings to 1e-5.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors |
    vt-embed -m model -g gallery --dtype f32 || exit
vt-index verify -g gallery &&
    vt-index dump --embeddings -g gallery | /usr/bin/python3 "$root/tests/vt-embed/golden.py" compare ref/golden.safetensors
