"""The 512 coordinates of golden.safetensors as points, and the comparison of a dump with its embeddings.

    golden.py points GOLDEN > points.geojsonl
    golden.py compare GOLDEN < dump.geojsonl
    golden.py other HEADS > heads.safetensors     the same heads with another location encoder

Rows whose coordinate is not canonical (longitude 180, a pole) are embedded at their canonical place, so the
fixture's embedding of another spelling of that place is not theirs; they are left out, and counted.
"""
import base64, json, struct, sys

with open(sys.argv[2], "rb") as f:
    length = f.read(8)
    text = f.read(struct.unpack("<Q", length)[0])
    header, body = json.loads(text), f.read()

if sys.argv[1] == "other":
    at = next(t["data_offsets"][0] for name, t in header.items() if "LocEnc0" in name and name.endswith("weight"))
    changed = struct.pack("<f", struct.unpack("<f", body[at:at + 4])[0] + 0.5)
    sys.stdout.buffer.write(length + text + body[:at] + changed + body[at + 4:])
    sys.exit()


def tensor(name):
    begin, end = header[name]["data_offsets"]
    n, width = header[name]["shape"]
    flat = struct.unpack("<%df" % (n * width), body[begin:end])
    return [flat[i * width:(i + 1) * width] for i in range(n)]


def canonical(lon, lat):
    lon, lat = round(lon * 1e7), round(lat * 1e7)
    return (0 if abs(lat) == 900000000 else lon - 3600000000 if lon >= 1800000000 else lon), lat


latlon = tensor("gallery.latlon")
if sys.argv[1] == "points":
    for lat, lon in latlon:
        print(json.dumps({"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]},
                          "properties": {}}))
    sys.exit()

dumped = {}
for line in sys.stdin:
    record = json.loads(line)
    x = base64.b64decode(record["properties"]["embedding"])
    dumped[canonical(*record["geometry"]["coordinates"])] = struct.unpack("<%df" % (len(x) // 4), x)
worst, compared, spelled = 0.0, 0, 0
for (lat, lon), truth in zip(latlon, tensor("gallery.unit.f64")):
    place = canonical(lon, lat)
    if place != (round(lon * 1e7), round(lat * 1e7)):
        spelled += 1
        continue
    assert len(dumped[place]) == len(truth)
    worst = max(worst, max(abs(a - b) for a, b in zip(dumped[place], truth)))
    compared += 1
print("%d compared, %d not canonical, worst difference %s 1e-5" % (compared, spelled, "<=" if worst <= 1e-5 else ">"))
if len(sys.argv) > 3:
    print(worst)
