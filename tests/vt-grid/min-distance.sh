# --min-distance: no two points are closer, and no other candidate fits in, in areas, along roads and of points.
streets=ref/doggerby/streets.shp
echo '{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[9.5,47.1],[9.52,47.1],[9.52,47.115],[9.5,47.1]]]}}' >area.geojsonl
at() { jq -r '.geometry.coordinates | "\(.[0]) \(.[1])"' "$1"; }
# Every pair, by the ellipsoid's radii there: whether two in `kept` are closer than M, and whether one in `all` has none in
# `kept` within M; both to a centimetre.
pairs() {
    awk -v M="$1" 'function apart(i,  y, w, up, across) {
            y = (lat[i] + $2) / 2 * r; w = 1 - 0.00669437999014 * sin(y) ^ 2
            up = (lat[i] - $2) * r * 6378137 * (1 - 0.00669437999014) / w ^ 1.5
            across = (lon[i] - $1) * r * 6378137 * cos(y) / sqrt(w)
            return sqrt(up ^ 2 + across ^ 2) }
        BEGIN { r = atan2(0, -1) / 180 }
        FNR == 1 { file++ }
        file == 1 { for (i = 1; i <= n; i++) if (apart(i) < M - 0.01) close_by++
            n++; lon[n] = $1; lat[n] = $2; next }
        { for (i = 1; i <= n; i++) if (apart(i) < M + 0.01) next
          missing++ }
        END { print n + 0 " of " FNR ", " close_by + 0 " closer, " missing + 0 " missing" }' kept all
}
for mode in "--area 10 area.geojsonl" "--roads 10 $streets" "--points points.geojsonl"; do
    [[ -e points.geojsonl ]] || vt-grid --roads 25 --unsorted $streets >points.geojsonl
    vt-grid $mode >all.geojsonl
    vt-grid $mode --min-distance 60 >kept.geojsonl
    at all.geojsonl >all; at kept.geojsonl >kept
    echo "${mode% *}: $(pairs 60)"
    echo "with another measure: $(pairs 61); $(pairs 59)"
    [[ $(jq -r .properties.id kept.geojsonl | grep -cxFf - <(jq -r .properties.id all.geojsonl)) == $(wc -l <kept) ]] && echo "they are among them"
    vt-grid $mode --min-distance 60 --seed 0 | cmp - kept.geojsonl && echo "the same again"
    vt-grid $mode --min-distance 60 --seed 1 | cmp -s - kept.geojsonl || echo "another seed, another choice"
    for i in 1 2 3 4; do vt-grid $mode --min-distance 60 --shard $i/4; done | LC_ALL=C sort | cmp - <(LC_ALL=C sort kept.geojsonl) && echo "from shards"
done
ogr2ogr -f GeoJSONSeq all.geojsonl $streets 2>/dev/null
vt-grid --roads 10 --min-distance 60 - <all.geojsonl >forth
tac all.geojsonl | vt-grid --roads 10 --min-distance 60 - | cmp - forth && echo "in another order"
vt-grid --roads 10 --dedupe 15 --min-distance 60 --dry-run --json $streets | jq -c '[.points > 0, .points + .close + .repeated]'
vt-grid --roads 10 --dry-run --json $streets | jq -c '.points + .repeated'
vt-grid --points --min-distance 1e6 points.geojsonl points.geojsonl | wc -l
try() { "$@"; echo "exit $?"; }
try vt-grid --roads 10 --min-distance 0 $streets
try vt-grid --roads 10 --min-distance 60 --unsorted $streets
try vt-grid --roads 10 --seed 1 $streets
try vt-grid --roads 10 --min-distance 60 --seed -1 $streets
