# The same streets in every format give the same points with the same ids.
streets=ref/doggerby/streets.shp
ids() { vt-grid --roads 20 "$@" | jq -r .properties.id | sort; }
ids $streets >want
mkdir folder
convert() { ogr2ogr -q -f "$@" $streets 2>/dev/null; }
convert "ESRI Shapefile" folder/streets.shp
convert "ESRI Shapefile" a.shp.zip && cp a.shp.zip a.zip
convert GPKG a.gpkg
convert FlatGeobuf a.fgb -nlt MULTILINESTRING
convert GeoJSON a.geojson -lco COORDINATE_PRECISION=15
convert GeoJSONSeq a.geojsonl -lco COORDINATE_PRECISION=15
convert KML a.kml
convert CSV a.csv -lco GEOMETRY=AS_WKT -t_srs EPSG:4326
convert GPX a.gpx -t_srs EPSG:4326 -nlt MULTILINESTRING -nln tracks -dsco GPX_USE_EXTENSIONS=YES
convert GML a.gml
for source in folder a.shp.zip a.zip a.gpkg a.fgb a.geojson a.geojsonl a.kml a.gml; do
    ids $source | cmp - want && echo "$source: the same"
done
ids -s_srs EPSG:4326 a.csv | cmp - want && echo "a.csv: the same"
ids -l tracks a.gpx | wc -l # nine decimals: the last digit of ours may differ
wc -l <want
ids - <a.geojsonl | cmp - want && echo "stream: the same"
# Ways of OpenStreetMap, as XML: one to drive on, one to walk on.
cat >a.osm <<'OSM'
<?xml version="1.0"?><osm version="0.6">
<node id="1" lat="47.1" lon="9.5" version="1"/><node id="2" lat="47.101" lon="9.5" version="1"/><node id="3" lat="47.101" lon="9.501" version="1"/>
<way id="7" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="residential"/></way>
<way id="8" version="1"><nd ref="2"/><nd ref="3"/><tag k="highway" v="footway"/></way></osm>
OSM
vt-grid --roads 50 a.osm | jq -c '.geometry.coordinates + [.properties.heading]'
head -c 300 a.zip >cut.zip; vt-grid --roads 20 cut.zip; echo "exit $?"
echo "no archive" >text.zip; vt-grid --roads 20 text.zip; echo "exit $?"
