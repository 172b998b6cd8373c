# An ordinary GeoJSON file, on one line and on many.
. "$root/tests/vt-query/setup"
echo '{"type":"FeatureCollection","features":[]}' >one.geojson
jq . one.geojson >many.geojson
status vt-query one.geojson
status vt-query many.geojson
