# --dry-run prints counts and lengths, and writes nothing.
vt-grid --roads 20 --dry-run -o never ref/doggerby/streets.shp
vt-grid --roads 20 --dry-run --json ref/doggerby/streets.shp ref/doggerby/streets.shp
vt-grid --roads 20 ref/doggerby/streets.shp | wc -l
vt-grid --roads 20 --dry-run --shard 1/2 --limit 3 --json ref/doggerby/streets.shp
vt-grid --roads 20 --dry-run --unsorted --json ref/doggerby/streets.shp
printf 'lat,lon\n47.1,9.5\n99,9.5\n47.1,9.5\n' >two.csv
vt-grid --points --dry-run --skip-errors two.csv; echo "exit $?"
vt-grid --points --dry-run two.csv; echo "exit $?"
vt-grid --points --json two.csv; echo "exit $?"
ls
