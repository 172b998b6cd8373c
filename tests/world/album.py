#!/usr/bin/env python3
"""Reads an album (album.h) with the standard library alone.

    album.py truth FILE      CSV: place, frame, view, lon, lat, heading_deg, hour, state
    album.py pictures FILE   the pictures' bytes, RGB
"""
import json
import mmap
import struct
import sys

FORMATS = {"U8": "B", "I32": "i", "F32": "f", "F64": "d"}


class Album:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        (length,) = struct.unpack("<Q", self.bytes[:8])
        self.header = json.loads(self.bytes[8 : 8 + length])
        self.start = 8 + length
        if self.header["__metadata__"].get("vidtag.album") != "1":
            raise SystemExit(f"{path}: no album")

    def raw(self, name):
        begin, end = self.header[name]["data_offsets"]
        return self.bytes[self.start + begin : self.start + end]

    def numbers(self, name):
        raw, kind = self.raw(name), FORMATS[self.header[name]["dtype"]]
        return struct.unpack(f"<{len(raw) // struct.calcsize(kind)}{kind}", raw)


def truth(album):
    shape = album.header["lonlat"]["shape"]
    views = shape[1] if len(shape) == 3 else 1
    lonlat, heading, hour = (album.numbers(n) for n in ("lonlat", "heading_deg", "hour"))
    place, frame, state = (album.numbers(n) for n in ("place", "frame", "state"))
    print("place,frame,view,lon,lat,heading_deg,hour,state")
    for i in range(shape[0]):
        for k in range(views):
            at = i * views + k
            print(f"{place[i]},{frame[i]},{k},{lonlat[2 * at]:.9f},{lonlat[2 * at + 1]:.9f},"
                  f"{heading[at]:.3f},{hour[at]:.4f},{state[i]}")


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("truth", "pictures"):
        raise SystemExit(__doc__)
    album = Album(sys.argv[2])
    if sys.argv[1] == "truth":
        truth(album)
    else:
        sys.stdout.buffer.write(album.raw("pictures"))


if __name__ == "__main__":
    main()
