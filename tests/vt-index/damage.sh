# Damage is found: a flipped bit in a block's embeddings, coordinates, attributes and index.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | sed -n 1,200p |
    jq -c '.properties = {n: input_line_number}' | vt-embed -m model -g gallery
vt-index build -g gallery
flip() { # MAGIC OFFSET
    local at=$(($(grep -abo "$1" gallery | tail -n 1 | cut -d: -f1) + $2))
    cp gallery bad
    /usr/bin/python3 -c 'import sys
with open("bad", "r+b") as f:
    f.seek(int(sys.argv[1])); b = f.read(1)[0]; f.seek(int(sys.argv[1])); f.write(bytes([b ^ 16]))' $at
    vt-index verify -g bad
    echo "status $?"
}
flip VGBK 9000
flip VGBK 70
flip VGBK 8
flip VGAT 30
flip VGRW 24
flip VGIX 40
flip vidtag-gallery 24
flip VGBK 9000
vt-index dump -g bad
echo "status $?"
