"""Compares vt-frames' features of a full-size model with PyTorch's, frame by frame.

    compare.py FOLDER RECORDS PICTURE...

FOLDER is what make_full.py wrote, RECORDS vt-frames' output for the pictures. Prints each cosine; the last line is the
smallest.
"""
import base64
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
import vidtag_reference as ref  # noqa: E402


def load_safetensors(path):
    data = np.memmap(path, np.uint8, "r")
    length = int(data[:8].view("<u8")[0])
    tensors = {}
    for name, entry in json.loads(data[8:8 + length].tobytes()).items():
        if name != "__metadata__":
            begin, end = (8 + length + at for at in entry["data_offsets"])
            tensors[name] = torch.from_numpy(np.array(data[begin:end]).view("<f4").reshape(entry["shape"]))
    return tensors


def tower(module, path, pixels):
    module.load_state_dict(load_safetensors(path))
    with torch.no_grad():
        return module.eval()(pixels)


folder, records, pictures = sys.argv[1], sys.argv[2], sys.argv[3:]
images = [Image.open(p) for p in pictures]


def pixels(mean, std):
    return torch.stack([ref.pixels_stretch(i, 224, mean, std) for i in images])


clip = tower(ref.ClipVision(), folder + "/clip/model.safetensors", pixels(ref.CLIP_MEAN, ref.CLIP_STD))
dino = tower(ref.Dinov2(), folder + "/dinov2/model.safetensors", pixels(ref.IMAGENET_MEAN, ref.IMAGENET_STD))
expected = F.normalize(torch.cat([clip, dino], -1).double(), dim=-1)

features = []
for line in open(records):
    properties = json.loads(line)["properties"]
    if "feature" in properties:
        features.append(np.frombuffer(base64.b64decode(properties["feature"]), "<f4"))
if len(features) != len(pictures):
    sys.exit("%d features for %d pictures" % (len(features), len(pictures)))
found = F.normalize(torch.from_numpy(np.stack(features)).double(), dim=-1)
cosines = (found * expected).sum(-1)
# Features of one untrained model are alike, whatever the picture: the frames must also be told apart.
nearest = (found @ expected.T).argmax(-1)
if nearest.tolist() != list(range(len(pictures))):
    sys.exit("frames nearest to PyTorch's frames %s" % nearest.tolist())
print("\n".join("# frame %d: cosine %.9f" % (i, c) for i, c in enumerate(cosines)))
print("%.9f" % cosines.min())
