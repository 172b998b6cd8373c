# Progress on demand, as JSON lines on standard error.
vt-grid --points --progress sometimes two.csv; echo "exit $?"
printf 'LAT,LON\n47.1,9.5\n47.2,9.5\n' >two.csv
vt-grid --points --progress json two.csv 2>progress >/dev/null; echo "exit $?"
tail -n 1 progress | jq -c '{tool, unit, done}'
