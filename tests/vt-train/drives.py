"""Records of 24 drives of 12 frames, as vt-frames writes them: drives.py BACKBONE [DRIVES [FRAMES]].

A feature is a random mixture of waves of the place, and noise."""
import base64
import json
import math
import random
import struct
import sys

DIM, WAVES = 128, 12
rng = random.Random(3)
mix = [([rng.gauss(0, 2) for _ in range(3)], [rng.gauss(0, 1) for _ in range(DIM)]) for _ in range(WAVES)]


def feature(x, y):
    z = [rng.gauss(0, 0.3) for _ in range(DIM)]
    for (a, b, c), row in mix:
        wave = math.cos(a * x + b * y + c)
        z = [p + wave * q for p, q in zip(z, row)]
    norm = math.sqrt(sum(p * p for p in z))
    return base64.b64encode(struct.pack("<%df" % DIM, *(p / norm for p in z))).decode()


def record(properties):
    print(json.dumps({"type": "Feature", "geometry": None, "properties": properties}, separators=(",", ":")))


backbone = sys.argv[1]
drives, frames = (int(v) for v in (sys.argv[2:] + ["24", "12"][len(sys.argv) - 2:]))
for drive in range(drives):
    name, x, y, angle = "drive-%d" % drive, rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0, 6.28)
    for frame in range(frames):
        x, y = x + 0.02 * math.cos(angle), y + 0.02 * math.sin(angle)
        record({"source": name, "frame": frame, "t": frame / 2, "backbone": backbone, "feature": feature(x, y),
                "truth": [round(9.5 + 0.013 * x, 7), round(47.1 + 0.009 * y, 7)]})
    record({"source": name, "end": True, "frames": frames})
