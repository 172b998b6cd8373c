# Tables: columns by their names, WGS84 unless -s_srs says otherwise.
printf 'LAT,LON,city\n47.14,9.52,Vaduz\n' >a.csv
printf 'E;N\n1;2\n' >b.csv
printf 'x,y\n2757870.358715,1223096.058978\n' >swiss.csv
vt-grid --points --keep city a.csv
vt-grid --points b.csv; echo "exit $?"
vt-grid --points swiss.csv; echo "exit $?"
vt-grid --points -s_srs EPSG:2056 swiss.csv | jq -c .geometry.coordinates
