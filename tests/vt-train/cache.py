"""Reads a cache without this project's code: cache.py CACHE [RECORDS]. Compares with the records; says what is in it."""
import base64
import json
import math
import struct
import sys

TYPES = {"F16": "e", "F32": "f", "F64": "d", "I64": "q", "U8": "B"}
raw = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", raw[:8])[0]
header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
metadata = header.pop("__metadata__")
shape = {name: e["shape"] for name, e in header.items()}


def numbers(name):
    begin, end = header[name]["data_offsets"]
    kind = TYPES[header[name]["dtype"]]
    return struct.unpack("<%d%s" % ((end - begin) // struct.calcsize(kind), kind), data[begin:end])


def rows(name):
    flat, width = numbers(name), shape[name][1]
    return [list(flat[i:i + width]) for i in range(0, len(flat), width)]


names = bytes(numbers("names")).decode().rstrip("\0").split("\0")
if len(sys.argv) > 2:
    frames = [r["properties"] for r in map(json.loads, open(sys.argv[2])) if "truth" in r["properties"]]
    offsets, n, width = numbers("offsets"), *shape["features"]
    kind = TYPES[header["features"]["dtype"]]
    vectors = [struct.unpack("<%df" % width, base64.b64decode(p["feature"])) for p in frames]
    assert rows("features") == [list(struct.unpack("<%d%s" % (width, kind), struct.pack("<%d%s" % (width, kind), *v)))
                                for v in vectors]
    assert [names[s] for s in range(len(names)) for _ in range(offsets[s], offsets[s + 1])] == [p["source"] for p in frames]
    assert rows("truth") == [p["truth"] for p in frames]
    # a photo without a time: not a number
    assert [None if math.isnan(t) else t for t in numbers("t")] == [p["t"] for p in frames]
    print("the same as the records")
print(metadata["format"], metadata["version"], header["features"]["dtype"], *shape["features"], len(names), "sources")
