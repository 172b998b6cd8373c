# Frames without truth and error records are left out of the figures, and counted.
. "$root/tests/vt-eval/setup"
source_of a 4 0 'if $i == 1 then del(.properties.truth) elif $i == 2 then .properties.truth = null
    elif $i == 3 then .geometry = null | .properties.error = {type: "decode", message: "m"} else . end' >a
source_of b 2 10 'del(.properties.truth)' >b
source_of c 2 179.995 '.' >c
cat a b c >all
status vt-eval --thresholds 2 --per-source --format csv all
status vt-eval -o report.json --format json --per-source all
jq -c '.streams[0] | {no_truth, errors, sources}, .per_source[1].metrics' report.json
status vt-eval -o report.json all
echo "--- streams of different frames"
cat a c >fewer
cat c >other
status vt-eval fewer other >/dev/null
status vt-eval -q fewer other >/dev/null
echo "--- nothing to compare"
status vt-eval b
