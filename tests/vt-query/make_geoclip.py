"""Writes a small model with GeoCLIP's names: the small model's CLIP and location encoder, an image MLP of our own.

    /usr/bin/python3 make_geoclip.py tests/reference/model-tiny FOLDER
"""
import json
import os
import struct
import sys

tiny, folder = sys.argv[1:]


def write(name, tensors):
    """tensors: name, shape, bytes of float32"""
    header, at = {}, 0
    for key, shape, data in tensors:
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors))


with open(tiny + "/heads.safetensors", "rb") as f:
    heads = f.read()
size = struct.unpack_from("<Q", heads)[0]
location = []
for key, entry in json.loads(heads[8:8 + size]).items():
    if key.startswith("location_encoder."):
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        location.append((key[len("location_encoder."):], entry["shape"], heads[start:end]))

state = 1


def numbers(*shape):
    """Small numbers of either sign, the same in every run."""
    global state
    n, values = 1, []
    for size in shape:
        n *= size
    for _ in range(n):
        state = (state * 1103515245 + 12345) % 2**31
        values.append(state / 2**31 - 0.5)
    return list(shape), struct.pack("<%df" % n, *values)


os.makedirs(folder)
write("location.safetensors", location)
write("image_mlp.safetensors", [(key, *numbers(*shape)) for key, shape in (
    ("0.weight", (48, 48)), ("0.bias", (48,)), ("2.weight", (64, 48)), ("2.bias", (64,)))])
write("logit_scale.safetensors", [("logit_scale", *numbers())])
