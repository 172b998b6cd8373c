#!/usr/bin/python3
"""The median distance between a track's frames and a drive's GPX, in whole metres; an oracle for vt-eval and the demo.

    judge.py [--backwards] GPX TRACK

Frame N of the track belongs to point N of the GPX, as world-drive writes them; with --backwards to the Nth from the end.
Distances on a sphere, which over a few kilometres is within half a percent of the ellipsoid.
"""
import json
import math
import sys
import xml.etree.ElementTree


def read_gpx(path):
    points = xml.etree.ElementTree.parse(path).iter("{http://www.topografix.com/GPX/1/1}trkpt")
    return [(float(p.get("lon")), float(p.get("lat"))) for p in points]


def read_track(path):
    with open(path) as f:
        records = [json.loads(line) for line in f]
    return [tuple(r["geometry"]["coordinates"]) for r in records if r["geometry"]]


def distance_m(a, b):
    lon, lat, lon2, lat2 = map(math.radians, a + b)
    h = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return 2 * 6371008.8 * math.asin(math.sqrt(h))


def main():
    names = sys.argv[1:]
    backwards = names[:1] == ["--backwards"]
    gpx, track = names[backwards:]
    truth, track = read_gpx(gpx), read_track(track)
    if not track or len(truth) != len(track):
        sys.exit("%d frames, but %d points in the GPX" % (len(track), len(truth)))
    errors = sorted(map(distance_m, track, truth[::-1] if backwards else truth))
    middle = len(errors) // 2
    print(round((errors[middle] + errors[~middle]) / 2))


main()
