# Two streams side by side, with intervals, and each source.
. "$root/tests/vt-eval/setup"
head -n 10 truth.geojsonl >a.geojsonl
jq -c 'if .geometry then .geometry.coordinates[1] += 0.01 else . end' a.geojsonl >b.geojsonl
vt-eval a.geojsonl b.geojsonl
vt-eval --bootstrap 100 --seed 3 --thresholds 25m,0.1,1km --per-source a.geojsonl b.geojsonl
vt-eval --bootstrap 100 --seed 3 --thresholds 25m,0.1,1km --per-source a.geojsonl b.geojsonl | md5sum >once
vt-eval --bootstrap 100 --seed 3 --thresholds 25m,0.1,1km --per-source a.geojsonl b.geojsonl | md5sum | cmp - once
vt-eval --bootstrap 100 --seed 4 a.geojsonl | grep -c '\['
