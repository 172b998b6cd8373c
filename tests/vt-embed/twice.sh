# A point that comes again without properties keeps those it has, whether they came in the same run, an earlier one, or lie on the stage.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
export VT_MODEL=model
point() { printf '{"type":"Feature","geometry":{"type":"Point","coordinates":[%s]},"properties":{%s}}\n' "$1" "$2"; }
{
    point 1,1 '"n":1'
    point 2,2 ''
    point 1,1 '"n":2'
    point 2,2 '"n":3'
    point 1,1 '"tag":"a"'
    point 3,3 '"n":4,"tag":"b"'
    point 3,3 '"tags":["c",""]'
} >points
vt-embed -g whole points
vt-embed -g synced --sync s points
while read -r line; do vt-embed -g one-by-one <<<"$line"; done <points
head -n 5 points | cat - <(echo broken) | vt-embed -g staged
tail -n 2 points | vt-embed -g staged
for g in whole synced one-by-one staged; do
    vt-index dump -g $g | jq -c '[.geometry.coordinates[0], .properties.n]' | paste -sd' '
    vt-index verify -g $g
done
for g in whole one-by-one staged; do vt-index list -g $g | cut -f 2,4-; done
# What is wrong with a tag is said of the record; with more tags than a point can have, of the point.
point 4,4 '"tag":"a\tb"' | vt-embed -g whole
seq 300 | while read -r i; do point 5,5 "\"tag\":\"t$i\""; done | vt-embed -g whole
{ point 6,6 '"tags":["b",""]'; point 6,7 "\"tag\":\"$(printf 'x%.0s' {1..128})\""; } | vt-embed --skip-errors -g whole; echo "status $?"
