# --reembed makes of a gallery what another model would have made of its points, with their tags and attributes, beside readers.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" other ref/model-tiny/heads.safetensors >other.safetensors
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads other.safetensors -o other
awk 'BEGIN { for (i = 0; i < 900; i++) printf "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%.7f,%.7f]},\"properties\":{\"tag\":\"t%d\"%s}}\n", (i * 7919) % 3607 / 10.1 - 178, (i * 104729) % 1801 / 10.1 - 89, i % 7, i % 3 ? "" : ",\"n\":" i }' >points
vt-frames -q -m model ref/frames >frames
sed 's/"t6"/"t0"/' points | vt-embed -m other -g wanted
sed -n '2,$p' points | vt-embed -m model -g gallery --batch 70
sed -n 1p points | vt-embed -m model -g gallery
vt-index remove -g gallery --tag t6
vt-index remove -g wanted --tag t6 2>/dev/null
sed -n '/"t6"/s/"t6"/"t0"/p' points | vt-embed -m model -g gallery
vt-index build -g gallery
chmod 640 gallery
echo "# a model with another encoder is refused, and the message says what to do"
vt-embed -m other -g gallery points
echo "status $?"
vt-query -m other -g gallery frames
echo "status $?"
echo "# rebuilt"
vt-embed -m other -g gallery --reembed
vt-index verify -g gallery
vt-index dump --embeddings -g wanted >wanted.dump
vt-index dump --embeddings -g gallery | cmp - wanted.dump
vt-index stat -g gallery --json | jq -c '[.points, .hidden, .blocks, .indexed_blocks, .dtype, .tags]'
vt-index diff wanted gallery
stat -c %a gallery
find . -name 'gallery*' | sort
echo "# the old model is now refused"
vt-query -m model -g gallery frames
echo "status $?"
echo "# nothing to do: nothing is written"
cp gallery before
vt-embed -m other -g gallery --reembed
cmp gallery before
echo "# another type of embeddings"
vt-embed -m other -g gallery --reembed --dtype f32
vt-index verify -g gallery
vt-embed -m other -g wide --dtype f32 points
vt-index stat -g gallery --json | jq -c '[.points, .hidden, .blocks, .indexed_blocks, .dtype]'
vt-index dump --embeddings -g gallery | jq -c '[.id, .properties.embedding]' >a
vt-index dump --embeddings -g wide | jq -c '[.id, .properties.embedding]' | cmp - a
wc -l <a
