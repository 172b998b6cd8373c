# --diff: the points that only one of two streams has, whatever their order; checked with comm.
vt-grid --roads 5 --keep name ref/doggerby/streets.shp >new
vt-grid --roads 5 --keep name -where "name <> 'Agerstien'" ref/doggerby/streets.shp | grep -v '"heading":1[0-9]*,' >old
vt-grid --area 300 - <<<'{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[[[7,56.5],[7.01,56.5],[7,56.51],[7,56.5]]]}}' >>old
ids() { jq -r .properties.id "$@" | sort -u; }
vt-grid --diff old new >changes; echo "exit $?"
head -n 2 changes
comm -13 <(ids old) <(ids new) | cmp - <(jq -c 'select(.properties.change == "added")' changes | ids) && echo "added: those that comm adds"
comm -23 <(ids old) <(ids new) | cmp - <(jq -c 'select(.properties.change == "removed")' changes | ids) && echo "removed: those that comm removes"
jq -r .properties.id changes | sort -cu && echo "in order"
jq -c 'select(.properties.change == "added") | del(.properties.change)' changes | sort | comm -23 - <(jq -c . new | sort) | wc -l
vt-grid --diff --dry-run old new
vt-grid --diff --dry-run --json new old
comm -12 <(ids old) <(ids new) | wc -l
shuf --random-source=new new >shuffled
vt-grid --diff old - <shuffled | cmp - changes && echo "the same for any order"
vt-grid --diff new shuffled; echo "exit $?"
: >nothing
vt-grid --diff --dry-run --json nothing new
vt-grid --diff nothing changes | head -n 1
printf '%s\n' '{"type":"Feature","geometry":{"type":"Point","coordinates":[9,47.5]},"properties":{"tag":"t\"","a":[1,{"change":2}]}}' \
    '{"type":"Feature","properties":{"tags":["x","y"]},"geometry":{"type":"Point","coordinates":[9,47]}}' >tagged
vt-grid --diff nothing tagged
echo '{"type":"Feature"' >bad
vt-grid --diff new bad; echo "exit $?"
vt-grid --diff new missing; echo "exit $?"
vt-grid --diff new; echo "exit $?"
vt-grid --diff - -; echo "exit $?"
vt-grid --diff --roads 5 old new; echo "exit $?"
vt-grid --diff -o x.gpkg old new; echo "exit $?"
vt-grid --diff -o out old new && cmp out changes && echo "in a file"
