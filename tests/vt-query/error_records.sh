# Error records pass in their place, and the exit status says so.
. "$root/tests/vt-query/setup"
jq -c 'if .properties.frame == 2 then {type, geometry, properties: {source: .properties.source, frame: 2, error: {type: "decode", message: "no picture"}}} else . end' frames |
    vt-query | summary
exit "${PIPESTATUS[1]}"
