# A town's street network: points with canonical coordinates, an id, a heading; each once.
vt-grid --roads 50 --keep name ref/doggerby/streets.shp >points
head -n 2 points
echo "$(wc -l <points) points, $(jq -r .properties.id points | sort -u | wc -l) ids"
jq -e -s 'all(.type == "Feature" and .geometry.type == "Point" and .properties.kind == "road"
    and .properties.heading >= 0 and .properties.heading < 360
    and (.properties.id | test("^[0-9a-f]{16}$"))
    and (.geometry.coordinates | map(. * 1e7 | . - round | fabs < 0.01) | all))' points
