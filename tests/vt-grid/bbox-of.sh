# --bbox-of: a grid over each region's box, without outliers and padded, a point once.
try() { "$@"; echo "exit $?"; }
count() { vt-grid --dry-run --json "$@" | jq -c '[.features, .used, .unnamed, .regions, .points, .repeated]'; }
# 401 points a region: 1 % of them lies anywhere
awk 'BEGIN { print "name,nr,lon,lat"
    for (i = 0; i < 401; i++) {
        away = i % 100 == 50 ? 30 : 0
        printf "Fiji,1,%.4f,%.4f\n", i < 200 ? 179 + i / 200 : -180 + (i - 200) / 200, -17 + i / 1000 + away
        printf "Alps,2,%.4f,%.4f\n", 9 + i / 1000 + away, 47 + i / 1000
        printf "Alps too,3,%.4f,%.4f\n", 9 + i / 1000, 47.2 + i / 1000 - away
    }
    print ",4,5,5" }' >points.csv
points="--area 500 --bbox-of points.csv --clip-percentile 1.5 --pad 0.02"
vt-grid $points --by name >boxes
echo "west, east, south, north and points of each: within 500 m of the percentiles' box"
jq -r '[.properties.name, .geometry.coordinates[]] | @tsv' boxes | awk -F '\t' '
    { x = $2 < -90 ? $2 + 360 : $2; n[$1]++
      if (n[$1] == 1 || x < w[$1]) w[$1] = x
      if (n[$1] == 1 || x > e[$1]) e[$1] = x
      if (n[$1] == 1 || $3 < s[$1]) s[$1] = $3
      if (n[$1] == 1 || $3 > t[$1]) t[$1] = $3 }
    END { for (name in n) printf "%s: %.3f %.3f %.3f %.3f %d\n", name, w[name], e[name], s[name], t[name], n[name] }' | sort
echo "features, used, without region, regions, points, points of two boxes"
count $points --by name
count $points --by nr,name
count $points -where "name = 'Alps'"
count --area 50000 --hex --bbox-of points.csv --clip-percentile 1.5 # one box of all
echo "the same points in any order, and from standard input"
vt-grid --points --keep name -where "name <> ''" points.csv | shuf --random-source=points.csv >shuffled
vt-grid --area 500 --bbox-of - --clip-percentile 1.5 --pad 0.02 --by name <shuffled | sed 's/"source":"-"/"source":"points.csv"/' | cmp - boxes && echo same
vt-grid $points --by nr -where "nr = '2'" -o alps.csv && head -n 1 alps.csv
echo "not so"
try vt-grid --area 500 --bbox-of points.csv x
try vt-grid --roads 500 --bbox-of points.csv
try vt-grid --area 500 --by name x
try vt-grid --area 500 --pad 1 x
try vt-grid --area 500 --clip-percentile 1 x
try vt-grid --area 500 --bbox-of points.csv --bbox-of points.csv
try vt-grid --area 500 --bbox-of points.csv --keep name
try vt-grid --area 500 --bbox-of points.csv --clip-percentile 50
try vt-grid --area 500 --bbox-of points.csv --pad -1
try vt-grid --area 500 --bbox-of points.csv --by nowhere
try vt-grid --area 500 --bbox-of points.csv --by kind
try vt-grid --area 500 --bbox-of points.csv --by name,NAME -o table.gpkg
{
    echo '{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[0,0],[1,1]]}}'
    echo '{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[0,0]}}'
} >mixed.geojsonl
try vt-grid --area 500 --bbox-of - --by name <mixed.geojsonl
try vt-grid --area 500 --bbox-of points.csv --by name -where "name = ''"
try vt-grid --area 500 --bbox-of nowhere.csv
echo '{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[0,0],[1,1]]}}' >line.geojsonl
try vt-grid --area 500 --bbox-of line.geojsonl
