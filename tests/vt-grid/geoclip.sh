# GeoCLIP's gallery: every line of its table, with the table's coordinates.
# needs: shared
csv=shared/data/geoclip/coordinates_100K.csv
vt-grid --points --unsorted $csv | jq -r '.geometry.coordinates | "\(.[1]) \(.[0])"' >points
tail -n +2 $csv | tr -d '\r' | awk -F, '{printf "%.7f %.7f\n", $1, $2}' >expected
awk '{printf "%.7f %.7f\n", $1, $2}' points | diff - expected && wc -l <points
