# A Hugging Face folder in shards with an index gives the same backbone as one file.
. "$root/tests/vt-model/common.inc"
cat >shard.py <<'P'
import json, os, struct
raw = open("ref/model-tiny/clip/model.safetensors", "rb").read()
n, = struct.unpack("<Q", raw[:8])
head = json.loads(raw[8:8 + n])
head.pop("__metadata__", None)
os.mkdir("sharded")
parts, index = [{}, {}], {}
for i, (name, t) in enumerate(head.items()):
    parts[i % 2][name] = t
    index[name] = "model-%d.safetensors" % (i % 2)
for i, part in enumerate(parts):
    data, out = b"", {}
    for name, t in part.items():
        a, b = t["data_offsets"]
        out[name] = {"dtype": t["dtype"], "shape": t["shape"], "data_offsets": [len(data), len(data) + b - a]}
        data += raw[8 + n + a:8 + n + b]
    text = json.dumps(out).encode()
    open("sharded/model-%d.safetensors" % i, "wb").write(struct.pack("<Q", len(text)) + text + data)
json.dump({"metadata": {}, "weight_map": index}, open("sharded/model.safetensors.index.json", "w"))
P
/usr/bin/python3 shard.py
cp ref/model-tiny/clip/config.json sharded
tiny
tiny --clip sharded -o other
diff -r model other && echo the same
index=sharded/model.safetensors.index.json
cp $index index.json
jq '.weight_map |= map_values("../model.safetensors")' index.json >$index
try tiny --clip sharded -o bad
jq '.weight_map |= map_values("gone.safetensors")' index.json >$index
try tiny --clip sharded -o bad
echo '{}' >$index
try tiny --clip sharded -o bad
rm sharded/model-1.safetensors
cp index.json $index
try tiny --clip sharded -o bad
[ -e bad ] || echo nothing is left behind
