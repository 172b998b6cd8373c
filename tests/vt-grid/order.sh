# The same points, in the order of their ids and the same bytes, whatever order sources and features come in.
ogr2ogr -f GeoJSONSeq all.geojsonl ref/doggerby/streets.shp 2>/dev/null
head -n 9 all.geojsonl >a.geojsonl; tail -n +10 all.geojsonl >b.geojsonl
vt-grid --roads 5 --keep name a.geojsonl b.geojsonl >ab
vt-grid --roads 5 --keep name b.geojsonl a.geojsonl >ba
cmp ab ba && wc -l <ab
jq -r .properties.id ab >ids; LC_ALL=C sort -cu ids && echo sorted
vt-grid --roads 5 --keep name - <all.geojsonl >forth
tac all.geojsonl | vt-grid --roads 5 --keep name - >back
cmp forth back && jq -r .properties.id forth | cmp - ids && wc -l <forth
vt-grid --roads 5 --keep name --unsorted - <all.geojsonl >unsorted
LC_ALL=C sort ids >want; jq -r .properties.id unsorted | LC_ALL=C sort | cmp - want && echo "unsorted: the same points"
cmp -s forth unsorted || echo "in another order"
printf '%s\n' 'name,lat,lon' b,47.1,9.5 a,47.1,9.5 c,47,9.5 b,47.1,9.5 >points.csv
vt-grid --points --keep name points.csv | jq -c '[.geometry.coordinates[1], .properties.name]'
