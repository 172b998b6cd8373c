# Areas: squares, hexagons and buffers, over the antimeridian and about a pole; against ogr2ogr's GEOS.
try() { "$@"; echo "exit $?"; }
count() { vt-grid --dry-run --json "$@" | jq .points; }
polygon() { echo "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":$1}}"; }
polygon "[[[9.5,47],[9.7,47.05],[9.6,47.2],[9.5,47]],[[9.57,47.05],[9.62,47.06],[9.6,47.1],[9.57,47.05]]]" >holed.geojson
echo "squares and hexagons, points and those that GEOS finds inside"
for grid in "--area 100" "--area 100 --hex"; do
    vt-grid $grid holed.geojson >points.geojsonl
    wc -l <points.geojsonl
    ogr2ogr -f CSV /vsistdout/ -clipsrc holed.geojson points.geojsonl | tail -n +2 | wc -l
done
echo "the buffer has all of them, and more"
vt-grid --area 100 --hex --buffer 250 holed.geojson >wide.geojsonl
wc -l <wide.geojsonl
vt-grid --diff --dry-run --json wide.geojsonl points.geojsonl | jq .added
echo "one ground, beyond 180 degrees and cut"
polygon "[[[179.9,-17],[180.1,-17],[180.1,-16.9],[179.9,-16.9],[179.9,-17]]]" >beyond.geojson
{
    polygon "[[[179.9,-17],[180,-17],[180,-16.9],[179.9,-16.9],[179.9,-17]]]"
    polygon "[[[-180,-17],[-179.9,-17],[-179.9,-16.9],[-180,-16.9],[-180,-17]]]"
} >cut.geojsonl
for grid in "" "--hex" "--buffer 1000" "--hex --buffer 1000"; do
    for source in beyond.geojson cut.geojsonl; do vt-grid --area 200 $grid $source | jq -c .geometry.coordinates | md5sum | cut -c 1-8; done | uniq | wc -l
done
echo "a pole, in degrees and in metres"
polygon "[[[-180,-90],[180,-90],[180,-89],[-180,-89],[-180,-90]]]" >pole.geojson
count --area 1000 pole.geojson
count --area 1000 --buffer 10000 pole.geojson
polygon "[[[-100000,-100000],[100000,-100000],[100000,100000],[-100000,100000],[-100000,-100000]]]" >metres.geojson
count --area 1000 -s_srs EPSG:3031 metres.geojson
try vt-grid --roads 20 --hex x
try vt-grid --points --buffer 5 x
try vt-grid --area 20 --buffer -5 x
try vt-grid --area 20 --buffer 1e7 x
