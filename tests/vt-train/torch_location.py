"""A location encoder as GeoCLIP releases its own, and what vt-train made of it.

torch_location.py CHECKPOINT         writes one: sigma 1, 16, 256; 256 frequencies, 1024 wide, 512 numbers
torch_location.py CHECKPOINT HEADS   compares it with HEADS, which began with it for sigma 1, 8, 256, 4096"""
import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
import vidtag_reference as reference  # noqa: E402
from torch_heads import load  # noqa: E402

if len(sys.argv) == 2:
    torch.manual_seed(5)
    torch.save(reference.LocationEncoder((1, 16, 256)).state_dict(), sys.argv[1])
    sys.exit()
released, heads = torch.load(sys.argv[1]), load(sys.argv[2])
frequencies, layers = True, True
for branch, (origin, ratio) in enumerate([(0, 1), (1, 0.5), (2, 1), (2, 16)]):
    prefix = "LocEnc%d." % origin
    for name in (name for name in released if name.startswith(prefix)):
        mine = heads.pop("location_encoder.LocEnc%d.%s" % (branch, name[len(prefix):]))
        if name.endswith(".b"):  # powers of two: exact
            frequencies &= torch.equal(mine, ratio * released[name])
        else:  # a step at a rate of 1e-9 moves no weight by more
            layers &= bool(mine.shape == released[name].shape and (mine - released[name]).abs().max() < 2e-8)
left = [name for name in heads if name.startswith("location_encoder.")]
print("frequencies", frequencies, "layers", layers, "left", left)
