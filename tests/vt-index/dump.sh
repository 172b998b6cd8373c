# A dump goes back in: the gallery made from it has the same dump. An existing output is refused.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors |
    jq -c '.properties = {n: (input_line_number), text: "é \"quoted\""}' | vt-embed -m model -g gallery
vt-index dump -g gallery -o dump && head -n 2 dump
vt-embed -m model -g again dump
vt-index dump -g again | cmp - dump
vt-index dump -g gallery -o dump
echo "status $?"
vt-index dump -g gallery -o dump --overwrite --embeddings
wc -l <dump
head -n 1 dump | jq -r .properties.embedding | base64 -d | wc -c
sort -c <(jq -r .properties.id dump)
vt-index dump -g gallery | head -n 1 | jq -c .properties
