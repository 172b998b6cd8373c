# -o appears whole or not at all, and is not replaced unasked.
printf 'LAT,LON\n47.1,9.5\n' >good.csv
printf 'LAT,LON\n47.1,9.5\n95,9\n' >bad.csv
vt-grid --points -o out.geojsonl good.csv; echo "exit $?"
cat out.geojsonl
vt-grid --points -o out.geojsonl good.csv; echo "exit $?"
vt-grid --points -o out.geojsonl --overwrite bad.csv; echo "exit $?"
cat out.geojsonl
vt-grid --points -o new.geojsonl bad.csv; echo "exit $?"
vt-grid --points good.csv >/dev/full; echo "exit $?"
ls
