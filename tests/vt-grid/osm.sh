# An OSM extract: every way with a highway tag, unless --highway says which.
# needs: shared
osm=shared/data/osm/liechtenstein.osm.pbf
vt-grid --roads 20 $osm >all
head -n 1 all
echo "$(wc -l <all) points, $(jq -r .properties.id all | sort -u | wc -l) ids"
vt-grid --roads 20 --highway primary,secondary --keep highway $osm | jq -r .properties.highway | sort | uniq -c
vt-grid --roads 20 --highway all -where "waterway = 'river'" --keep waterway,name $osm | jq -r .properties.waterway | sort | uniq -c
vt-grid --roads 20 --highway nope $osm; echo "exit $?"
head -c 700000 $osm >cut.osm.pbf
vt-grid --roads 20 cut.osm.pbf >/dev/null; echo "exit $?"
