# The tag comes with --tag, or with the record: `tag`, or `tags` for several; it is no attribute.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
point() { printf '{"type":"Feature","geometry":{"type":"Point","coordinates":[%s]},"properties":{%s}}\n' "$1" "$2"; }
{
    point 1,1 '"tag":"roads","n":1'
    point 1,2 '"tags":["areas","roads"],"n":2'
    point 1,3 '"n":3'
    point 1,4 '"tags":["areas",""]'
} >points
vt-embed -m model -g gallery points
vt-index verify -g gallery
vt-embed -m model -g gallery --sync roads <<<"$(point 1,5 '')"
vt-index dump -g gallery | jq -c '[.geometry.coordinates, .properties.n]'
vt-embed -m model -g second --tag all points
vt-embed -m model -g second --sync all <<<"$(point 1,5 '')"
vt-index dump -g second | wc -l
for wrong in '"tag":1' '"tags":"roads"' '"tags":[]' '"tags":[1]' '"tag":"a","tags":["b"]' '"tag":"a\nb"'; do
    point 1,6 "$wrong" | vt-embed -m model -g third
    echo "status $?"
done
