"""Two views of each of 48 places, as world-drive --pairs writes them: pairs.py > pairs.safetensors

A place is a pattern of coloured squares; a view of it is lighter or darker, a little shifted, and noisy."""
import json
import random
import struct
import sys

N, SIDE, CELL = 48, 40, 8
rng = random.Random(4)
data = bytearray()
for _ in range(N):
    cells = {(x, y): [rng.randrange(40, 216) for _ in range(3)] for x in range(7) for y in range(7)}
    for _ in range(2):
        light, dx, dy = rng.uniform(0.7, 1.2), rng.randrange(3), rng.randrange(3)
        for y in range(SIDE):
            for x in range(SIDE):
                for v in cells[(x + dx) // CELL, (y + dy) // CELL]:
                    data.append(min(255, max(0, int(light * v + rng.gauss(0, 6)))))
shape = [N, 2, SIDE, SIDE, 3]
header = json.dumps({"pictures": {"dtype": "U8", "shape": shape, "data_offsets": [0, len(data)]}}).encode()
sys.stdout.buffer.write(struct.pack("<Q", len(header)) + header + data)
