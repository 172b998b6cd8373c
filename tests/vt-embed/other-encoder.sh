# A gallery of another location encoder is refused by name, and left as it was.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" other ref/model-tiny/heads.safetensors >other.safetensors
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads other.safetensors -o other
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[9.5,47.1]},"properties":{}}' >point
vt-embed -m model -g gallery point
cp gallery before
vt-embed -m other -g gallery point
echo "status $?"
cmp gallery before
