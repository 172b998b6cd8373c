# Wrong usage.
. "$root/tests/vt-eval/setup"
for list in '' 0 -1 1,,2 5miles nan 1,1 1km,1 0x1 1e400 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 ' 1'; do
    status vt-eval --thresholds "$list" truth.geojsonl
done
status vt-eval --format xml truth.geojsonl
status vt-eval --bootstrap 0 truth.geojsonl
status vt-eval --seed 1 truth.geojsonl
status vt-eval --hierarchy x.csv truth.geojsonl
status vt-eval --overwrite truth.geojsonl
