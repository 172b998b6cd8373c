# --dedupe keeps one lane of two, and the crossing street; --both-ways gives each point two headings.
line() { echo '{"type":"Feature","properties":{"way":"'"$1"'"},"geometry":{"type":"LineString","coordinates":['"$2"']}}'; }
line east "[9.5,47.1],[9.51,47.1]" >east.geojsonl
line west "[9.51,47.10008],[9.5,47.10008]" >west.geojsonl # 9 m beside it
line crossing "[9.505,47.095],[9.505,47.105]" >crossing.geojsonl
line over "[9.5,47.1],[9.503,47.1],[9.508,47.1]" >over.geojsonl # the same street once more
cat east.geojsonl west.geojsonl crossing.geojsonl over.geojsonl >all.geojsonl
ways() { jq -r .properties.way | sort | uniq -c; }
echo "without"; vt-grid --roads 10 --keep way - <all.geojsonl | ways
echo "merged"; vt-grid --roads 10 --keep way --dedupe 12 - <all.geojsonl >merged; ways <merged
echo "not so far"; vt-grid --roads 10 --keep way --dedupe 8 - <all.geojsonl | ways
echo "in any direction"; vt-grid --roads 10 --keep way --dedupe 12 --dedupe-heading 90 - <all.geojsonl | ways
tac all.geojsonl | vt-grid --roads 10 --keep way --dedupe 12 - | cmp - merged && echo "in another order"
vt-grid --roads 10 --keep way east.geojsonl crossing.geojsonl over.geojsonl west.geojsonl --dedupe 12 | jq -c 'del(.properties.source)' | cmp - <(jq -c 'del(.properties.source)' merged) && echo "from files"
for i in 1 2 3; do vt-grid --roads 10 --keep way --dedupe 12 --shard $i/3 - <all.geojsonl; done | LC_ALL=C sort | cmp - <(LC_ALL=C sort merged) && echo "from shards"
for i in 1 2 3; do vt-grid --roads 10 --dedupe 12 --shard $i/3 --dry-run --json - <all.geojsonl; done | jq -s -c '[map(.points), map(.close), map(.repeated)] | map(add)'
vt-grid --roads 10 --dedupe 12 --dry-run --json - <all.geojsonl | jq -c '[.points, .close, .repeated]'
vt-grid --roads 10 --dedupe 12 --limit 50 all.geojsonl | wc -l
vt-grid --roads 500 --both-ways east.geojsonl | jq -c '[.properties.id, .properties.heading]'
vt-grid --roads 500 --both-ways --unsorted east.geojsonl | wc -l
try() { "$@"; echo "exit $?"; }
try vt-grid --area 10 --dedupe 5 all.geojsonl
try vt-grid --area 10 --both-ways all.geojsonl
try vt-grid --roads 10 --dedupe 5 --unsorted all.geojsonl
try vt-grid --roads 10 --dedupe 0 all.geojsonl
try vt-grid --roads 10 --dedupe 20001 all.geojsonl
try vt-grid --roads 10 --dedupe 5 --dedupe-heading 91 all.geojsonl
try vt-grid --roads 10 --dedupe-heading 9 all.geojsonl
try vt-grid --roads 10 --both-ways --limit 9 all.geojsonl
