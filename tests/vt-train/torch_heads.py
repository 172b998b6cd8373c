"""PyTorch with heads that vt-train wrote: torch_heads.py HEADS FRAMES MATCHES TRACK POINTS CHECKPOINT

Loads HEADS into the reference model, tensor by tensor; its frame embeddings must be those of MATCHES, its refined
positions those of TRACK; writes a checkpoint as a training in PyTorch would."""
import base64
import json
import os
import struct
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
import vidtag_reference as reference  # noqa: E402


def load(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        body = f.read()
    header.pop("__metadata__", None)
    return {name: torch.from_numpy(np.frombuffer(body[e["data_offsets"][0]:e["data_offsets"][1]], "<f4").copy())
            .reshape(e["shape"]) for name, e in header.items()}


def properties(path):
    return [p for p in (json.loads(line)["properties"] for line in open(path)) if "frame" in p]


def vectors(records, key):
    return torch.from_numpy(np.array([np.frombuffer(base64.b64decode(p[key]), "<f4") for p in records]))


def points(path):
    records = (json.loads(line) for line in open(path))
    return torch.tensor([r["geometry"]["coordinates"] for r in records if r["geometry"]], dtype=torch.float64)


def main():
    heads, frames, matches, track, gallery, checkpoint = sys.argv[1:]
    state = load(heads)
    tempgeo = reference.TempGeo(128, 1, 4, 32, 8, (48, 32))
    location = reference.LocationEncoder((1024, 8192), 16, 32, 32)
    refiner = reference.GeoRefiner(32, 1, 2, 4, 32, 8)
    parts = {"tempgeo.": tempgeo, "location_encoder.": location, "georefiner.": refiner}
    left = dict(state)
    for prefix, module in parts.items():
        own = {k[len(prefix):]: left.pop(k) for k in list(left) if k.startswith(prefix)}
        module.load_state_dict(own, strict=True)
        module.eval()
    assert list(left) == ["logit_scale"] and left["logit_scale"].shape == ()

    features = vectors(properties(frames), "feature")
    best = torch.tensor([c["candidates"][0][:2] for c in properties(matches)], dtype=torch.float64)
    with torch.no_grad():
        embedded = tempgeo(features[None])[1][0]
        location = location.double()
        gps = torch.nn.functional.normalize(location(best.flip(1)), dim=-1).float()
        refined = refiner(embedded[None], gps[None])[0]
        everywhere = torch.nn.functional.normalize(location(points(gallery).flip(1)), dim=-1).float()
    print("frames", bool((embedded - vectors(properties(matches), "embedding")).abs().max() < 1e-5))
    found = points(gallery)[(refined @ everywhere.T).argmax(1)]
    print("refined", bool(torch.equal(found, points(track))))
    torch.save({"model": state, "optimizer": {"lr": 1e-4}, "epoch": 3}, checkpoint)


if __name__ == "__main__":
    main()
