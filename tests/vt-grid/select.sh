# What is read: -spat, -sql, -where, -oo and --config select what ogr2ogr selects; -clip and --tag.
# needs: shared
shp=shared/data/shp/stockholm/edges.shp
try() { "$@" || echo "exit $?"; }
features() { vt-grid --roads 1e6 --dry-run --json "$@" | jq .features; }
box="18.04 59.34 18.045 59.345"
ogr2ogr -f CSV /vsistdout/ -spat $box $shp | tail -n +2 | wc -l
features -spat $box $shp
features $shp -spat 18.04,59.34,18.045,59.345
ogr2ogr -f GeoJSONSeq all.geojsonl $shp 2>/dev/null
features -spat $box - <all.geojsonl
ogr2ogr -t_srs EPSG:3006 metres.gpkg $shp 2>/dev/null
ogr2ogr -f CSV /vsistdout/ -spat 672000 6581000 673000 6582000 metres.gpkg | tail -n +2 | wc -l
features -spat 672000 6581000 673000 6582000 metres.gpkg
sql="SELECT * FROM edges WHERE oneway = 1 AND length > 100"
ogr2ogr -f CSV /vsistdout/ -sql "$sql" $shp | tail -n +2 | wc -l
features -sql "$sql" $shp
features -sql "SELECT * FROM lines WHERE tunnel = 'yes'" --highway all shared/data/osm/liechtenstein.osm.pbf
ogrinfo -q shared/data/osm/liechtenstein.osm.pbf -sql "SELECT * FROM lines WHERE other_tags LIKE '%\"tunnel\"=>\"yes\"%'" | grep -c ^OGRFeature
printf 'e,n,name\n9.5,47.1,x\n' >odd.csv
vt-grid --points -oo X_POSSIBLE_NAMES=e -oo Y_POSSIBLE_NAMES=n odd.csv
vt-grid --points --tag "cars, 2026" --keep name -oo X_POSSIBLE_NAMES=e -oo Y_POSSIBLE_NAMES=n odd.csv
vt-grid --points --config OGR_GEOJSON_MAX_OBJ_SIZE 200 --config CPL_DEBUG=OFF -oo X_POSSIBLE_NAMES=e -oo Y_POSSIBLE_NAMES=n odd.csv | wc -l
echo "not so"
try vt-grid --points -oo NO_SUCH_OPTION=1 odd.csv
try vt-grid --points -oo X_POSSIBLE_NAMES=e -oo Y_POSSIBLE_NAMES=n -sql "DELETE FROM odd" odd.csv
try vt-grid --roads 20 -sql "SELECT name FROM nowhere" $shp
try vt-grid --roads 20 -spat 0 0 1 1 $shp
try vt-grid --roads 20 -clip nowhere.shp $shp
try vt-grid --roads 20 -clip $shp $shp
