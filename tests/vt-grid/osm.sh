# An OSM extract: the roads that cars use, unless --highway says which; any takes all 4,658 ways.
# needs: shared
osm=shared/data/osm/liechtenstein.osm.pbf
vt-grid --roads 20 $osm >cars
vt-grid --roads 20 --highway any $osm >all
head -n 1 cars
echo "$(wc -l <cars) points for cars"
echo "$(wc -l <all) points, $(jq -r .properties.id all | sort -u | wc -l) ids"
vt-grid --roads 20 --highway primary,secondary --keep highway $osm | jq -r .properties.highway | sort | uniq -c
vt-grid --roads 20 --highway all -where "waterway = 'river'" --keep waterway,name $osm | jq -r .properties.waterway | sort | uniq -c
vt-grid --roads 20 --highway nope $osm; echo "exit $?"
head -c 700000 $osm >cut.osm.pbf
vt-grid --roads 20 cut.osm.pbf >/dev/null; echo "exit $?"
