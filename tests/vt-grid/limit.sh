# --limit keeps points that are evenly spaced along the curve; of unsorted points, the first.
vt-grid --roads 5 ref/doggerby/streets.shp >whole
vt-grid --roads 5 --limit 100 ref/doggerby/streets.shp >some
jq -r .properties.id whole >ids
jq -r .properties.id some | grep -nxFf - ids | cut -d : -f 1 | awk 'NR > 1 { print $1 - last } { last = $1 }' | sort | uniq -c
vt-grid --roads 5 --limit 1 ref/doggerby/streets.shp | wc -l
vt-grid --roads 5 --limit 999999 ref/doggerby/streets.shp | cmp - whole && echo "all of them"
vt-grid --roads 5 --unsorted ref/doggerby/streets.shp >unsorted
vt-grid --roads 5 --unsorted --limit 100 ref/doggerby/streets.shp ref/doggerby/streets.shp | cmp - <(head -n 100 unsorted) && echo "the first"
for n in 0 -1 x; do vt-grid --roads 5 --limit $n ref/doggerby/streets.shp; echo "exit $?"; done 2>&1
