# Nothing but the source that is named is reached unless --allow-net is given: queries, options, databases, -clip, -s_srs.
printf 'lon,lat,n\n9.5,47.1,x\n' >a.csv
printf 'n,secret\nx,hidden\n' >b.csv
cp b.csv b
ogr2ogr -f GPKG g.gpkg a.csv -oo X_POSSIBLE_NAMES=lon -oo Y_POSSIBLE_NAMES=lat -a_srs EPSG:4326
echo '<OGRVRTDataSource><OGRVRTLayer name="v"><SrcDataSource>a.csv</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>' >v.vrt
try() { echo "+ $*"; vt-grid "$@" 2>&1 || echo "exit ${PIPESTATUS[0]}"; }
sql() { try --points -sql "$1" "${@:2}"; }
echo "= queries"
join="SELECT a.*, b.secret AS secret FROM a LEFT JOIN 'b.csv'.b b ON a.n = b.n"
sql "$join" --keep secret a.csv
sql "$join" --keep secret --allow-net a.csv
sql "SELECT * FROM 'g.gpkg'.a" a.csv
sql 'SELECT * FROM "g.gpkg".a' a.csv
sql "SELECT * FROM a LEFT JOIN b.b ON a.n = b.n" a.csv
sql "SELECT 1from'g.gpkg' . a" a.csv
sql "SELECT 'it''s \\' FROM x' AS t, * FROM 'g.gpkg'.a" a.csv
sql "SELECT * FROM a UNION ALL SELECT * FROM 'g.gpkg'.a" a.csv
sql "SELECT a.n, 'from b.b' AS t FROM a WHERE a.n <> 'x from y.z'" --keep t a.csv
sql "SELECT a.n, 'from b.b' AS t FROM a WHERE a.n <> 'y from y.z'" --keep t a.csv
sql "SELECT geom FROM main.a" g.gpkg
vt-grid --points -sql "SELECT load_extension('x.so'), geom FROM a" g.gpkg 2>&1 | grep -o 'not authorized'
sql "ATTACH 'other.gpkg' AS o" g.gpkg
sql "SELECT geom FROM a; DROP TABLE a" g.gpkg
vt-grid --points -sql "WITH q AS (SELECT 1) DELETE FROM a" g.gpkg 2>&1 | grep -o 'a readonly database'
sql "SELECT geom FROM a" g.gpkg
echo "= options"
for pair in PRELUDE_STATEMENTS="ATTACH 'x' AS x" XSD=x host=db; do try --points -oo "$pair" g.gpkg; done
for pair in OGR_SQLITE_LOAD_EXTENSIONS=x.so GDAL_DRIVER_PATH=x GDAL_HTTP_HEADERS=x gml_skip_resolve_elems=NONE CPL_LOG=x; do
    try --points --config "$pair" a.csv
done
try --points --config GDAL_HTTP_TIMEOUT=1 --allow-net a.csv
try --points -s_srs /vsicurl/http://127.0.0.1:9/x.prj a.csv
try --points -s_srs /vsis3/bucket/x.prj a.csv
echo "= sources"
try --points -clip v.vrt a.csv
ogr2ogr -f "MapInfo File" part.tab g.gpkg
echo '{"type":"Feature","properties":{"Table":"part.tab"},"geometry":{"type":"Polygon","coordinates":[[[9,47],[10,47],[10,48],[9,47]]]}}' >list.geojsonl
ogr2ogr -f "MapInfo File" list.tab list.geojsonl 2>/dev/null
printf 'begin_metadata\n"\\IsSeamless" = "TRUE"\n"\\IsSeamless\\" = ""\nend_metadata\n' >>list.tab
mkdir tables && cp part.* list.* tables
try --points part.tab
try --points list.tab
try --points list.tab --allow-net
try --points tables
try --points -clip /vsicurl/http://127.0.0.1:9/a.shp a.csv
for source in "PG:dbname=x host=db.example.org" "PG:host = '10.0.0.1' dbname=x" "PG:hostaddr=10.0.0.1" "PG:service=x" "PG:host=localhost,db.example.org" \
    postgresql://u:p@db.example.org/x "postgresql://u:p@h@db/x" "postgresql:///x?host=db" "postgresql://localhost/x?hostaddr=10.0.0.1" "postgresql://[2001:db8::1]:5/x" "postgresql://%64b/x" \
    PG:postgresql://db.example.org/x PG:postgres://db.example.org postgresql://localhost:1,db.example.org:2/x postgresql://u@db.example.org,x@localhost/y; do
    try --points "$source"
done
for source in "PG:host=$PWD/no dbname=x" "PG:host=127.0.0.1 port=9" "postgresql://[::1]:9/x" "postgresql://u:p@localhost:9/x"; do
    vt-grid --points "$source" 2>&1 | grep -c "not on this machine"
done
echo "= passwords are not shown"
for source in "PG:dbname=x password=secret user=y host=db" "PG:password = 'se cret' host=db" 'PG:host=db password=se\ cret' "PG:host=db sslpassword=secret password=" "postgresql://u:s@ec/r?et@db/x" \
    "postgresql://db/x?password=secret&sslmode=no" "postgresql://db/x?user=a&password=secret" PG:postgresql://u:secret@db/x https://u:secret@db/a@b.json "MYSQL:x,password=secret,port=1"; do
    try --points "$source"
done | grep -v ^+
try --points -clip "PG:host=db password=secret" a.csv | grep -v ^+
vt-grid --points "PG:host=/no password=sec=ret x" 2>&1
vt-grid --area 5 --bbox-of a.csv "PG:host=db password=secret" 2>&1
ls
