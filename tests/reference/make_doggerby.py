#!/usr/bin/env python3
"""Writes what many tests run on: the streets of Doggerby, a drive through a town, and a small model that was never trained.

    python3 tests/reference/make_doggerby.py tests/reference/doggerby

Everything in it is invented here: no map, no footage and no trained weights of anybody went into it.
Python's standard library alone, except that the `ffmpeg` command encodes the video. The same Python code
gives the same bytes everywhere; the video's also depend on the version of ffmpeg and x264 (the committed
file comes from Debian 12's ffmpeg 5.1.9).

streets.{shp,shx,dbf,prj,cpg}   41 streets within 1 km, in UTM zone 32N, so that reading them needs a projection: straight
                                and curved ones, a closed one, one in two parts
drive.mp4                       12 s, 160 x 120, 10 frames a second, H.264, colours by BT.709; no GPS
model-src/clip, model-src/dinov2, model-src/heads.safetensors   what `vt-model import` takes: every part of a VidTAG model
                                under the names of the published checkpoints, in small, of random numbers; the location
                                encoder's answer for the middle of the town is taken off, so that its points differ
"""
import json
import math
import os
import struct
import subprocess
import sys


class Random:
    """SplitMix64: the same numbers in every version of Python."""

    def __init__(self, seed):
        self.state = seed

    def bits(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    def uniform(self):
        return (self.bits() >> 11) / 2**53

    def normal(self):
        """The sum of twelve uniform numbers: near enough, and exact arithmetic where a logarithm is not."""
        return sum(self.uniform() for _ in range(12)) - 6


# -------------------------------------------------------------------- streets
# Doggerby stands where no town can: in the North Sea, some 65 km off Jutland. Metres from its market place.
CENTRE = (376800.0, 6263400.0)
TURN = math.radians(11)  # the old streets do not run due north


def place(x, y):
    return (round(CENTRE[0] + x * math.cos(TURN) - y * math.sin(TURN), 3),
            round(CENTRE[1] + x * math.sin(TURN) + y * math.cos(TURN), 3))


def line(*corners):
    return [place(x, y) for x, y in corners]


def arc(radius, start_deg, end_deg, centre=(0, 0)):
    steps = max(2, int(radius * math.radians(abs(end_deg - start_deg)) / 18))
    angles = [math.radians(start_deg + (end_deg - start_deg) * i / steps) for i in range(steps + 1)]
    return [place(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles]


def wave(y, height, length, x0, x1):
    steps = int((x1 - x0) / 15)
    xs = [x0 + (x1 - x0) * i / steps for i in range(steps + 1)]
    return [place(x, y + height * math.sin(2 * math.pi * x / length)) for x in xs]


def streets():
    """(name, kind, lanes, parts)"""
    out = [
        ("Ringvej Nord", "secondary", 2, [arc(430, 20, 160)]),
        ("Ringvej Vest", "secondary", 2, [arc(430, 160, 200)]),
        ("Ringvej Syd", "secondary", 2, [arc(430, 200, 340)]),
        ("Ringvej Øst", "secondary", 2, [arc(430, -20, 20)]),
        ("Torvet", "pedestrian", 1, [arc(45, 0, 360)]),
        # Interrupted by the market place: one street, two parts.
        ("Hovedgaden", "primary", 2, [line((-520, 0), (-45, 0)), line((45, 0), (520, 0))]),
        ("Kirkegade", "tertiary", 2, [line((0, 45), (0, 430), (20, 520)), line((0, -45), (0, -430))]),
        ("Åstien", "footway", 1, [wave(-215, 28, 330, -380, 380)]),
        ("Strandpromenaden", "footway", 1, [wave(-505, 12, 260, -420, 420)]),
        ("Bakkesving", "residential", 1, [arc(60, -90, 180, (250, 250))]),
        ("Pilekrogen", "residential", 1, [arc(38, 0, 300, (-285, 215))]),
        ("Fyrvej", "unclassified", 1, [line((300, -308), (340, -390), (430, -470), (520, -500))]),
        ("Havnegade", "tertiary", 2, [line((-330, -276), (-300, -420), (-140, -480), (150, -490))]),
        ("Stationsvej", "tertiary", 2, [line((-404, 147), (-470, 210), (-520, 330))]),
        ("Møllevej", "residential", 1, [line((329, 276), (400, 350), (410, 450))]),
        ("Agerstien", "track", 1, [line((-276, 329), (-330, 420), (-300, 510))]),
    ]
    across = ["Smedegade", "Bagergade", "Vævergade", "Tømrergade", "Skomagergade", "Bødkergade", "Rebslagergade"]
    for i, name in enumerate(across):  # north to south, straight
        x = -300 + 100 * i if i != 3 else 40
        top, bottom = (140, -120) if i == 3 else (300 - abs(x) / 3, -185)
        out.append((name, "residential", 1, [line((x, bottom), (x, top))]))
    along = ["Nørregade", "Rosengade", "Lindealle", "Østergade", "Søndergade", "Vestergade"]
    for i, name in enumerate(along):  # west to east, slightly bent
        y = (255, 185, 120, 60, -70, -135)[i]
        out.append((name, "residential", 1, [line((-330 + y / 4, y), (-100, y + 8), (120, y - 6), (330 - y / 4, y))]))
    alleys = ["Kattesund", "Degnestræde", "Sankt Olufs Gang", "Snaregang", "Blegdammen", "Klosterstræde", "Mølleslippen",
              "Pottergang", "Tværstræde", "Hjulgang", "Gåsestræde", "Kandestøbergang"]
    random = Random(3)
    for i, name in enumerate(alleys):  # short ones, wherever there is room
        x, y = -280 + 50 * i, (30, 90, 150, -100)[i % 4]
        out.append((name, "footway", 1, [line((x, y - 25), (x + 30 * random.uniform() - 15, y), (x + 8, y + 28))]))
    return out


UTM32 = ('PROJCS["WGS_1984_UTM_Zone_32N",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,'
         '298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],'
         'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",9.0],'
         'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]')


def bounds(points):
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return struct.pack("<4d", min(xs), min(ys), max(xs), max(ys))


def shp_header(words, box):
    return struct.pack(">7i", 9994, 0, 0, 0, 0, 0, words) + struct.pack("<2i", 1000, 3) + box + bytes(32)


def write_shapefile(stem, features):
    """ESRI Shapefile Technical Description, July 1998: PolyLine is type 3, lengths are in 16-bit words."""
    records, index, at = b"", b"", 50
    for number, (_, _, _, parts) in enumerate(features, 1):
        points = [p for part in parts for p in part]
        starts = [sum(len(part) for part in parts[:i]) for i in range(len(parts))]
        body = struct.pack("<i", 3) + bounds(points) + struct.pack("<2i", len(parts), len(points))
        body += struct.pack("<%di" % len(starts), *starts) + b"".join(struct.pack("<2d", *p) for p in points)
        records += struct.pack(">2i", number, len(body) // 2) + body
        index += struct.pack(">2i", at, len(body) // 2)
        at += 4 + len(body) // 2
    box = bounds([p for f in features for part in f[3] for p in part])
    write(stem + ".shp", shp_header(at, box) + records)
    write(stem + ".shx", shp_header(50 + len(index) // 2, box) + index)
    write(stem + ".prj", UTM32.encode())
    write(stem + ".cpg", b"UTF-8")
    write_dbf(stem + ".dbf", features)


def write_dbf(path, features):
    fields = ((b"name", b"C", 40), (b"highway", b"C", 16), (b"lanes", b"N", 2))
    head = struct.pack("<4BIHH20x", 3, 126, 1, 1, len(features), 32 + 32 * len(fields) + 1, 1 + sum(f[2] for f in fields))
    for name, kind, size in fields:
        head += struct.pack("<11sc4xBB14x", name, kind, size, 0)
    rows = b""
    for name, kind, lanes, _ in features:
        rows += b" " + name.encode().ljust(40) + kind.encode().ljust(16) + str(lanes).encode().rjust(2)
    write(path, head + b"\r" + rows + b"\x1a")


# ---------------------------------------------------------------------- video
WIDTH, HEIGHT, RATE, SECONDS = 160, 120, 10, 12
EYE, WALL, SPEED = 1.6, 7.0, 8.0  # metres: the camera's height, from it to the facades; metres a second
HORIZON, FOG = 62, (196, 206, 216)


def building(side, number):
    """Its height in metres and its colour."""
    random = Random(1000003 * number + side)
    base = ((196, 92, 70), (222, 184, 120), (120, 150, 110), (150, 160, 190), (232, 222, 200), (170, 110, 130))
    colour = base[int(random.uniform() * len(base))]
    return 6 + 9 * random.uniform(), tuple(int(c * (0.75 + 0.3 * random.uniform())) for c in colour)


def facade(side, along, up, height, colour):
    if up > height - 0.5:
        return tuple(c // 2 for c in colour)  # the eaves
    window = along % 3.0 > 1.5 and 1.0 < up % 3.0 < 2.5
    door = up < 2.3 and along % 12.0 < 1.2
    if door:
        return (74, 52, 40)
    return (58, 70, 92) if window else colour


def fade(colour, distance):
    share = min(1.0, distance / 90)
    return tuple(int(c + (f - c) * share) for c, f in zip(colour, FOG))


def column(x, vanishing, travelled):
    """One column of the picture, top to bottom. A street's walls are as far away as they are narrow."""
    offset = x + 0.5 - vanishing
    side, slope = (0, -offset / WALL) if offset < 0 else (1, offset / WALL)  # pixels per metre at the wall
    slope = max(slope, 0.02)
    distance = WIDTH / 2 / slope
    along = travelled + distance
    height, colour = building(side, int(along // 12))
    out = []
    for y in range(HEIGHT):
        up = (HORIZON - y - 0.5) / slope + EYE
        if up > height:
            out.append((120 + y, 160 + y // 2, 215 + y // 4))
        elif up > 0:
            out.append(fade(facade(side, along, up, height, colour), distance))
        else:
            ground = WIDTH / 2 * EYE / (y + 0.5 - HORIZON)
            across = offset * ground / (WIDTH / 2)
            dash = abs(across) < 0.12 and (travelled + ground) % 6 < 3
            shade = (232, 232, 226) if dash else (92, 92, 96) if abs(across) < 4 else (160, 150, 140)
            out.append(fade(shade, ground))
    return out


def picture(number):
    t = number / RATE
    vanishing = WIDTH / 2 + 22 * math.sin(2 * math.pi * t / 9)
    columns = [column(x, vanishing, SPEED * t) for x in range(WIDTH)]
    return bytes(c for y in range(HEIGHT) for x in range(WIDTH) for c in columns[x][y])


def write_video(path):
    command = ("ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s %dx%d -r %d -i - -vf scale=out_color_matrix=bt709:"
               "out_range=tv -pix_fmt yuv420p -c:v libx264 -preset slow -crf 27 -g 30 -threads 1 -colorspace bt709 "
               "-color_primaries bt709 -color_trc bt709 -color_range tv -map_metadata -1 -flags +bitexact "
               "-fflags +bitexact -movflags +faststart" % (WIDTH, HEIGHT, RATE)).split()
    frames = b"".join(picture(i) for i in range(RATE * SECONDS))
    subprocess.run(command + [path], input=frames, check=True)


# ---------------------------------------------------------------------- model
# Every part of the real model, under the names of the published checkpoints, in sizes that fit in a repository.
PICTURE, PATCH, FRAMES = 56, 14, 64
CLIP = {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "image_size": PICTURE, "patch_size": PATCH, "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5, "projection_dim": 24}
DINOV2 = {"model_type": "dinov2", "hidden_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "mlp_ratio": 4,
          "hidden_act": "gelu", "layer_norm_eps": 1e-6, "image_size": 70, "patch_size": PATCH, "qkv_bias": True,
          "use_swiglu_ffn": False}
FEATURE = CLIP["projection_dim"] + DINOV2["hidden_size"]
EMBEDDING, FEED, FREQUENCIES, HIDDEN, SIGMAS = 32, 64, 32, 64, (1, 8, 256)


def linear(name, outs, ins, bias=True):
    """The weights are as large as keeps a signal's size, so that no layer is close to doing nothing."""
    out = {name + ".weight": ((outs, ins), 1.4 / math.sqrt(ins), 0.0)}
    if bias:
        out[name + ".bias"] = ((outs,), 0.05, 0.0)
    return out


def norm(name, dim):
    return {name + ".weight": ((dim,), 0.2, 1.0), name + ".bias": ((dim,), 0.05, 0.0)}


def clip_tensors():
    dim, mlp = CLIP["hidden_size"], CLIP["intermediate_size"]
    out = {"vision_model.embeddings.class_embedding": ((dim,), 0.3, 0.0),
           "vision_model.embeddings.patch_embedding.weight": ((dim, 3, PATCH, PATCH), 0.06, 0.0),
           "vision_model.embeddings.position_embedding.weight": (((PICTURE // PATCH) ** 2 + 1, dim), 0.3, 0.0),
           **norm("vision_model.pre_layrnorm", dim), **norm("vision_model.post_layernorm", dim),
           **linear("visual_projection", CLIP["projection_dim"], dim, bias=False)}
    for i in range(CLIP["num_hidden_layers"]):
        layer = "vision_model.encoder.layers.%d." % i
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            out.update(linear(layer + "self_attn." + name, dim, dim))
        out.update({**norm(layer + "layer_norm1", dim), **norm(layer + "layer_norm2", dim),
                    **linear(layer + "mlp.fc1", mlp, dim), **linear(layer + "mlp.fc2", dim, mlp)})
    return out


def dinov2_tensors():
    dim, grid = DINOV2["hidden_size"], DINOV2["image_size"] // PATCH
    out = {"embeddings.cls_token": ((1, 1, dim), 0.3, 0.0), "embeddings.mask_token": ((1, dim), 0.0, 0.0),
           "embeddings.position_embeddings": ((1, grid * grid + 1, dim), 0.3, 0.0),
           "embeddings.patch_embeddings.projection.weight": ((dim, 3, PATCH, PATCH), 0.06, 0.0),
           "embeddings.patch_embeddings.projection.bias": ((dim,), 0.05, 0.0), **norm("layernorm", dim)}
    for i in range(DINOV2["num_hidden_layers"]):
        layer = "encoder.layer.%d." % i
        for name in ("attention.query", "attention.key", "attention.value", "output.dense"):
            out.update(linear(layer + "attention." + name, dim, dim))
        for n in "12":
            out.update({**norm(layer + "norm" + n, dim), layer + "layer_scale%s.lambda1" % n: ((dim,), 0.2, 0.7)})
        out.update({**linear(layer + "mlp.fc1", 4 * dim, dim), **linear(layer + "mlp.fc2", dim, 4 * dim)})
    return out


def attention(name, dim):
    return {name + ".in_proj_weight": ((3 * dim, dim), 1.4 / math.sqrt(dim), 0.0),
            name + ".in_proj_bias": ((3 * dim,), 0.05, 0.0), **linear(name + ".out_proj", dim, dim)}


def transformer_layer(name, dim, decoder=False):
    out = {**attention(name + ".self_attn", dim), **norm(name + ".norm1", dim), **norm(name + ".norm2", dim),
           **linear(name + ".linear1", FEED, dim), **linear(name + ".linear2", dim, FEED)}
    if decoder:
        out.update({**attention(name + ".multihead_attn", dim), **norm(name + ".norm3", dim)})
    return out


def head_tensors():
    out = {"logit_scale": ((), 0.0, 2.6593), "tempgeo.pos_embedding.weight": ((FRAMES, FEATURE), 0.2, 0.0),
           "georefiner.pos_embedding.weight": ((FRAMES, EMBEDDING), 0.2, 0.0),
           **linear("tempgeo.mlp.0", 64, FEATURE), **linear("tempgeo.mlp.2", 48, 64), **linear("tempgeo.mlp.4", EMBEDDING, 48),
           **transformer_layer("georefiner.encoder.layers.0", EMBEDDING)}
    for i in range(2):
        out.update({**transformer_layer("tempgeo.encoder.layers.%d" % i, FEATURE),
                    **transformer_layer("georefiner.decoder.layers.%d" % i, EMBEDDING, decoder=True)})
    for i, sigma in enumerate(SIGMAS):
        branch = "location_encoder.LocEnc%d." % i
        out.update({branch + "capsule.0.b": ((FREQUENCIES, 2), float(sigma), 0.0),
                    **linear(branch + "capsule.1", HIDDEN, 2 * FREQUENCIES), **linear(branch + "capsule.3", HIDDEN, HIDDEN),
                    **linear(branch + "capsule.5", HIDDEN, HIDDEN), **linear(branch + "head.0", EMBEDDING, HIDDEN)})
    return out


def draw(tensors, seed):
    """{name: (shape, spread, mean)} to {name: (shape, numbers)}, drawn in the order of the names."""
    random, out = Random(seed), {}
    for name in sorted(tensors):
        shape, spread, mean = tensors[name]
        out[name] = shape, [mean + spread * random.normal() for _ in range(math.prod(shape))]
    return out


def equal_earth(lon, lat):
    """Šavrič, Patterson and Jenny 2018, scaled as GeoCLIP does."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    x = 2 * math.sqrt(3) * math.radians(lon) * math.cos(t) / (3 * (9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1))
    y = a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t
    return x * 66.50336 / 180, y * 66.50336 / 180


def dense(tensors, name, x):
    weight, bias = tensors[name + ".weight"][1], tensors[name + ".bias"][1]
    return [sum(w * v for w, v in zip(weight[i * len(x):], x)) + b for i, b in enumerate(bias)]


def encode_location(tensors, lon, lat):
    total, (x, y) = [0.0] * EMBEDDING, equal_earth(lon, lat)
    for i in range(len(SIGMAS)):
        branch = "location_encoder.LocEnc%d." % i
        b = tensors[branch + "capsule.0.b"][1]
        phase = [2 * math.pi * (b[j] * x + b[j + 1] * y) for j in range(0, len(b), 2)]
        h = [math.cos(p) for p in phase] + [math.sin(p) for p in phase]
        for n in "135":
            h = [max(0.0, v) for v in dense(tensors, branch + "capsule." + n, h)]
        total = [a + v for a, v in zip(total, dense(tensors, branch + "head.0", h))]
    return total


def draw_heads():
    """An untrained location encoder hardly tells one end of a small town from the other. With what it says of
    the town's centre taken off, its points differ, and so do the answers."""
    tensors = draw(head_tensors(), 13)
    name = "location_encoder.LocEnc2.head.0.bias"
    shape, bias = tensors[name]
    middle = encode_location(tensors, 7.0, 56.496)
    tensors[name] = shape, [round(b - m, 5) for b, m in zip(bias, middle)]
    return tensors


def write_safetensors(path, tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(tensors):
        shape, numbers = tensors[name]
        raw = struct.pack("<%df" % len(numbers), *numbers)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write(path, struct.pack("<Q", len(text)) + text + data)


def write_model(folder):
    for name, config, tensors in (("clip", CLIP, draw(clip_tensors(), 11)), ("dinov2", DINOV2, draw(dinov2_tensors(), 12))):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
        write(os.path.join(folder, name, "config.json"), (json.dumps(config, indent=2) + "\n").encode())
        write_safetensors(os.path.join(folder, name, "model.safetensors"), tensors)
    write_safetensors(os.path.join(folder, "heads.safetensors"), draw_heads())


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    write_shapefile(os.path.join(folder, "streets"), streets())
    write_model(os.path.join(folder, "model-src"))
    write_video(os.path.join(folder, "drive.mp4"))


if __name__ == "__main__":
    main()
