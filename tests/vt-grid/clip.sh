# -clip leaves of the points those inside the polygons, as GDAL's SQL finds them, unchanged.
# needs: shared
osm=shared/data/osm/liechtenstein.osm.pbf
echo '{"type":"FeatureCollection","features":[
{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[9.49,47.1],[9.56,47.11],[9.54,47.2],[9.5,47.17],[9.49,47.1]],[[9.51,47.12],[9.53,47.12],[9.53,47.15],[9.51,47.12]]]}},
{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[9.52,47.15],[9.6,47.15],[9.6,47.25],[9.52,47.15]]]}}]}' >area.geojson
vt-grid --roads 20 $osm >all
vt-grid --roads 20 -clip area.geojson $osm >clipped
ogr2ogr -segmentize 0.0005 dense.geojson area.geojson # so that edges are the same in both
ogr2ogr -t_srs EPSG:2056 area.gpkg dense.geojson
vt-grid --roads 20 -clip area.gpkg $osm | cmp - clipped && echo "in another reference system, too"
ogr2ogr -f GeoJSONSeq expected GeoJSONSeq:all -dialect SQLITE -sql "SELECT id FROM \"all\" WHERE \
ST_Intersects(geometry, (SELECT ST_Union(geometry) FROM 'area.geojson'.area))" 2>/dev/null
jq -r .properties.id expected | sort >expected.ids
jq -r .properties.id clipped | sort | diff - expected.ids && wc -l <expected.ids
sort all >all.sorted
sort clipped | comm -23 - all.sorted | wc -l
wc -l <all
vt-grid --roads 20 -clip area.geojson shared/data/shp/stockholm/edges.shp
echo "exit $?"
