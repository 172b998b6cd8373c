# Options that select, given wrongly: each message says what is wrong; and what -spat and -clip do with a stream.
try() { vt-grid "$@" || echo "exit $?"; }
printf 'lon,lat\n9.5,47.1\n' >p.csv
try --points -spat 1 2 3
try --points -spat 1,2,3 p.csv
try --points -spat 1,2,3,4,5 p.csv
try --points -spat 1 2 x 4 p.csv
try --points -spat 3 2 1 4 p.csv
try --points -spat nan 2 3 4 p.csv
try --roads 5 --highway "" p.csv
try --points --config p.csv
try --points --config =1 p.csv
try --points -oo X p.csv
try --points -sql "SELECT 1" -l p p.csv
try --points -clip - - </dev/null
try --points --tag "" p.csv
try --points --tag "$(printf 'a\nb')" p.csv
try --points --tag "$(printf '\xff')" p.csv
try --points --tag "$(head -c 128 /dev/zero | tr '\0' a)" p.csv
try --points --tag a --keep tag p.csv
try --points -sql "SELECT 1" - </dev/null
try --points -oo A=B - </dev/null
try --diff --tag a p.csv p.csv
echo "of a stream"
feature() { echo "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"$1\",\"coordinates\":$2}}"; }
{
    feature Point "[9.5,47.1]"
    feature Point "[9.7,47.1]"
    echo '{"type":"Feature","properties":{},"geometry":null}'
    feature Point "[9.55,47.15]"
} >points.geojsonl
feature Polygon "[[[9.52,47],[9.8,47],[9.8,47.2],[9.52,47.2],[9.52,47]]]" >area.geojsonl
feature Polygon "[[[9.5,47.1],[9.6,47.2],[9.6,47.1],[9.5,47.2],[9.5,47.1]]]" >bow.geojsonl
at() { jq -c .geometry.coordinates; }
vt-grid --points -spat 9.4 47 9.6 47.2 - <points.geojsonl | at
vt-grid --points -clip area.geojsonl - <points.geojsonl 2>warning | at
cat warning
vt-grid --points -clip - points.geojsonl <area.geojsonl 2>warning | at
vt-grid --area 3000 -spat 9.59 47.19 9.7 47.3 --dry-run --json - <bow.geojsonl
vt-grid --area 3000 -clip area.geojsonl --dry-run --json bow.geojsonl
try --points -spat 0 0 1 1 - <points.geojsonl
