# The figures of metrics.json, which another implementation has computed, to 1e-9; the same from a pipe and as CSV.
. "$root/tests/vt-eval/setup"
vt-eval --format json truth.geojsonl >out.json
jq -c --slurpfile ref ref/metrics.json '.streams[0] | .metrics as $m | $ref[0].metrics as $r |
    [($m | keys) == ($r | keys), .sources, .frames, .no_truth, .errors,
     ([$r | to_entries[] | (.value - $m[.key]) / .value | fabs] | max < 1e-9)]' out.json
vt-eval --format json <truth.geojsonl | jq '.streams[0].stream'
vt-eval --format csv truth.geojsonl
