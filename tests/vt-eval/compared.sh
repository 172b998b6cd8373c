# What the figures do not tell: streams of other frames, sources in another order, twice, or with errors only.
. "$root/tests/vt-eval/setup"
source_of a 3 0 '.' >a
source_of b 3 5 '.geometry.coordinates[1] += 0.02' >b
source_of c 2 9 '.geometry.coordinates[1] += 0.05' >c
source_of d 2 9 '.geometry = null | .properties.error = {type: "decode", message: "m"} | del(.properties.truth)' >d
cat a b c >abc
cat c a b >cab
echo "--- the same sources in another order: the same figures and intervals, and no warning"
vt-eval --bootstrap 200 --format json abc >first
vt-eval --bootstrap 200 --format json cab | jq -c .streams[].intervals | cmp - <(jq -c .streams[].intervals first)
vt-eval --bootstrap 200 --thresholds 3 --format csv abc cab | cut -d, -f 1,3,4,8- | sed 's/^[abc]*//' | uniq | wc -l
echo "--- as many frames, of another source; with another truth"
sed 's/"source":"c"/"source":"e"/' abc >abe
jq -c 'if .properties.truth and .properties.source == "c" then .properties.truth[1] += 0.001 else . end' abc >moved
status vt-eval abc abe moved >/dev/null
echo "--- twice, and nothing but errors"
status vt-eval --format csv --per-source --thresholds 3 <(cat a c a d) | cut -d, -f 2-8
