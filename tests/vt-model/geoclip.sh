# GeoCLIP's released .pth files import; the location encoder and the CLIP are small ones made here.
# needs: shared
cat >make.py <<'P'
import json, random, struct
random.seed(3)
def write(path, tensors):
    data, head = b"", {}
    for name, shape in tensors.items():
        n = 1
        for s in shape:
            n *= s
        raw = struct.pack("<%df" % n, *[random.uniform(-0.1, 0.1) for _ in range(n)])
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + data)
def linear(name, out, inner):
    return {name + ".weight": [out, inner], name + ".bias": [out]}
location = {}
for i in range(3):
    p = "LocEnc%d." % i
    location.update({p + "capsule.0.b": [16, 2], **linear(p + "capsule.1", 24, 32), **linear(p + "capsule.3", 24, 24),
                     **linear(p + "capsule.5", 24, 24), **linear(p + "head.0", 512, 24)})
write("location.safetensors", location)
v = "vision_model."
clip = {v + "embeddings.class_embedding": [64], v + "embeddings.patch_embedding.weight": [64, 3, 8, 8],
        v + "embeddings.position_embedding.weight": [17, 64], "visual_projection.weight": [768, 64],
        **linear(v + "pre_layrnorm", 64, 1), **linear(v + "post_layernorm", 64, 1)}
for n in ("q_proj", "k_proj", "v_proj", "out_proj"):
    clip.update(linear(v + "encoder.layers.0.self_attn." + n, 64, 64))
for n in ("layer_norm1", "layer_norm2"):
    clip.update(linear(v + "encoder.layers.0." + n, 64, 1))
clip.update({**linear(v + "encoder.layers.0.mlp.fc1", 96, 64), **linear(v + "encoder.layers.0.mlp.fc2", 64, 96)})
for n in clip:
    if "norm" in n and n.endswith("weight"):
        clip[n] = [64]
write("clip.safetensors", clip)
P
/usr/bin/python3 make.py
. "$root/tests/vt-model/common.inc"
g=shared/data/geoclip
geoclip() {
    vt-model import --clip clip.safetensors --image-mlp $g/image_encoder_mlp_weights.pth \
        --location location.safetensors --logit-scale $g/logit_scale_weights.pth "$@"
}
geoclip -o model
jq -c '[.architecture, .recipe, .picture_size, .clip.heads, .mlp, .location]' model/config.json
vt-model show --json --verify model | jq -c '[.feature_dim, .embedding_dim, .max_frames, .refiner_max_frames, .parameters]'
vt-model show model | grep -v '^kernels\|id  '
try geoclip -o bad --location $g/image_encoder_mlp_weights.pth
try geoclip -o bad --clip ref/model-tiny/clip
try geoclip -o bad --refiner-heads 8
[ -e bad ] || echo nothing is left behind
