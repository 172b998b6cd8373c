# Sources that cannot be read end with status 1 and a message that names them.
try() { vt-grid "$@" </dev/null; echo "exit $?" >&2; }
line='{"type":"Feature","properties":{"name":"a"},"geometry":{"type":"LineString","coordinates":[[9.5,47.1],[9.501,47.1]]}}'
try --roads 20 missing.shp
try --roads 20 .
try --roads 20 data
printf 'hello\n' >noise.txt; try --roads 20 noise.txt
: >empty.geojson; try --roads 20 empty.geojson
cp ref/doggerby/streets.shp ref/doggerby/streets.shx ref/doggerby/streets.dbf .; try --roads 20 streets.shp
cp ref/doggerby/streets.prj .
try --roads 20 -where "nope = 1" streets.shp
try --roads 20 -l nope streets.shp
try --roads 20 --keep nope streets.shp
try --roads 20 --highway nope streets.shp
try --area 20 streets.shp
rm streets.shx; try --roads 20 streets.shp
try --roads 20 -
printf '%s\n%s' "$line" '{"type":"Feature","prop' >cut.geojsonl
vt-grid --roads 1000 - <cut.geojsonl >/dev/null; echo "exit $?" >&2
echo '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>' >v.vrt
try --roads 20 v.vrt
try --roads 20 /vsicurl/http://127.0.0.1:9/a.shp
try --roads 20 http://127.0.0.1:9/a.geojson
printf 'LAT,LON\n47.1,9.5\n47.1,\n' >hole.csv; try --points hole.csv >/dev/null
printf '47.1,9.5\n47.2,9.6\n' >bare.csv; try --points bare.csv
printf 'lat,lon\n151.2,-33.9\n' >swapped.csv; try --points swapped.csv
