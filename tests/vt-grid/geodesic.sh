# Real roads against PROJ's geod: lengths to a millionth; every point where geod puts it, to the rounding; headings to 0.01 degrees.
# needs: shared
lichten=shared/data/osm/liechtenstein.osm.pbf andorra=shared/data/osm/andorra.osm.pbf stockholm=shared/data/shp/stockholm/edges.shp
# Segments: line, lat1 lon1 lat2 lon2; then the same with geod's azimuth at the start, and length.
segments() {
    ogr2ogr -f GeoJSONSeq -lco COORDINATE_PRECISION=15 /vsistdout/ "$@" 2>/dev/null |
        jq -r --unbuffered '.geometry | if .type == "LineString" then [.coordinates] else .coordinates end | .[] |
            [., .[1:]] | transpose | map(select(.[1] and .[0][:2] != .[1][:2])) | (.[] | "\(.[0][1]) \(.[0][0]) \(.[1][1]) \(.[1][0])"), "end"' |
        awk 'BEGIN { n = 1 } $1 == "end" { n++; next } { print n, $0 }' >segments
    cut -d ' ' -f 2- segments | geod -I +ellps=WGS84 -f %.12f -F %.9f | awk '{ print $1, $3 }' | paste -d ' ' segments - >solved
}
length_of() { awk '{ sum += $7 } END { printf "%.6f\n", sum }' solved; }
compare() { jq -r .length_m | awk -v want="$(length_of)" '{ d = $1 / want - 1; print (d < 1e-6 && d > -1e-6) ? "the same length" : "lengths " $1 " and " want }'; }
segments $lichten lines -where "highway IS NOT NULL"
vt-grid --roads 20 --highway any --dry-run --json $lichten | compare
segments $stockholm
vt-grid --roads 20 --dry-run --json $stockholm | compare
segments $andorra lines -where "highway IN ('primary','secondary','tertiary')"
vt-grid --roads 20 --highway primary,secondary,tertiary --dry-run --json $andorra | compare
# Where the points are: at 20 m along each line; its last vertex at the end.
awk -v M=20 '$1 != line { if (line) print last, "end"; line = $1; behind = k = 0 }
    { while (k * M < behind + $7) print $2, $3, $6, k++ * M - behind; behind += $7; last = $4 " " $5 " " $6 " " $2 " " $3 }
    END { print last, "end" }' solved >along
grep -v end along | geod +ellps=WGS84 -f %.12f | awk '{ print $2, $1, $3 + 180 }' >want
grep end along | awk '{ print $4, $5, $1, $2 }' | geod -I +ellps=WGS84 -f %.12f | awk '{ print $2 + 180 }' | paste -d ' ' <(grep end along | awk '{ print $2, $1 }') - >>want
vt-grid --roads 20 --highway primary,secondary,tertiary $andorra | jq -r '"\(.geometry.coordinates | "\(.[0]) \(.[1])") \(.properties.heading)"' >got
awk 'function units(v) { return int(v * 1e7 + (v < 0 ? -0.5 : 0.5)) }
    function apart(a, b,  d) { d = (a - b) % 360; if (d < 0) d += 360; return d > 180 ? 360 - d : d }
    FNR == NR { key = units($1) "," units($2); headings[key] = headings[key] " " $3; next }
    { n++; found = right = 0
      for (i = -1; i <= 1; i++) for (j = -1; j <= 1; j++) {
          key = units($1) + i "," units($2) + j
          if (!(key in headings)) continue
          found = 1; seen[key] = 1; m = split(headings[key], h, " ")
          for (q = 1; q <= m; q++) if (apart(h[q], $3) <= 0.01) right = 1 }
      lost += !found; turned += !right }
    END { for (key in headings) { want++; missing += !(key in seen) }
      print n " points, " (want - n < n / 1000 && n - want < n / 1000 ? "as many as geod" : want " of geod")
      print lost + 0 " elsewhere, " missing + 0 " missing, " turned + 0 " turned" }' want got
