#!/usr/bin/env python3
"""Writes tests/reference/pth: small files as PyTorch itself saves them, good and bad (needs PyTorch 1.13);
the .pkl files are two of their pickles alone, for the fuzzer to begin with.

    make_pth.py [FOLDER]
"""
import os
import sys
import zipfile
from collections import OrderedDict

import torch
from torch import nn

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "pth")
os.makedirs(out, exist_ok=True)


def save(name, value, **options):
    torch.save(value, os.path.join(out, name), **options)


base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
save("views.pth", {"base": base, "transposed": base.t(), "column": base[:, 1], "steps": base[::2, 1::2],
                   "cube": torch.arange(24, dtype=torch.float32).reshape(2, 3, 4).permute(2, 0, 1),
                   "last": base[2, 3], "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3),
                   "parameter": nn.Parameter(base[1])})

values = [0, 1, -2, 100]
kinds = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16, "float64": torch.float64,
         "int64": torch.int64, "int32": torch.int32, "int16": torch.int16, "int8": torch.int8}
types = {name: torch.tensor(values, dtype=kind) for name, kind in kinds.items()}
types["uint8"] = torch.tensor([0, 1, 254, 100], dtype=torch.uint8)
types["bool"] = torch.tensor([False, True, True, True])
types["fraction16"] = torch.tensor([0.1, 2**-24, -65504.0, float("inf")], dtype=torch.float16)
types["fractionb16"] = torch.tensor([0.1, 1e-38, -3e38, float("inf")], dtype=torch.bfloat16)
save("types.pth", types)

model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
with torch.no_grad():
    for i, p in enumerate(model.parameters()):
        p.copy_(torch.arange(p.numel(), dtype=torch.float32).reshape(p.shape) + 10 * i)
optimizer = torch.optim.AdamW(model.parameters())
for p in model.parameters():
    p.grad = torch.ones_like(p)
optimizer.step()
with torch.no_grad():
    for i, p in enumerate(model.parameters()):
        p.copy_(torch.arange(p.numel(), dtype=torch.float32).reshape(p.shape) + 10 * i)
save("checkpoint.pth", {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "loss": 0.25,
                        "best": None, "done": True, "steps": 2**40, "huge": 2**80, "history": [1.0, -2, "three"],
                        "list": [torch.tensor([7.0]), (torch.tensor([8.0]),)], "ema": model.state_dict()})

state = OrderedDict(weight=torch.ones(2))
save("shared.pth", {"a": state, "b": state})
save("bare.pth", torch.tensor([1.5, 2.5]))
save("expanded.pth", {"mask": torch.zeros(1).expand(1000000)})
save("module.pth", nn.Linear(2, 2))
save("legacy.pth", {"weight": torch.ones(2)}, _use_new_zipfile_serialization=False)
save("protocol4.pth", {"weight": torch.ones(2)}, pickle_protocol=4)
save("complex.pth", {"weight": torch.ones(2, dtype=torch.complex64)})
loop = {}
loop["self"] = loop
save("loop.pth", loop)


class Shell:
    def __reduce__(self):
        return os.system, ("touch executed",)


save("system.pth", {"weight": torch.ones(2), "x": Shell()})
torch.jit.save(torch.jit.script(nn.Linear(2, 2)), os.path.join(out, "script.pt"))

with zipfile.ZipFile(os.path.join(out, "bare.pth")) as source:
    with zipfile.ZipFile(os.path.join(out, "deflated.pth"), "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.namelist():
            target.writestr(zipfile.ZipInfo(member), source.read(member), zipfile.ZIP_DEFLATED)

for name in "views", "checkpoint":
    with zipfile.ZipFile(os.path.join(out, name + ".pth")) as source:
        with open(os.path.join(out, name + ".pkl"), "wb") as target:
            target.write(source.read(name + "/data.pkl"))
