# What differs between two galleries or archives; shards merged are the whole again.
. "$root/tests/vt-index/setup"
n=$(wc -l <points)
head -n $((n * 2 / 3)) points | vt-embed -q -m model -g first
tail -n $((n * 2 / 3)) points | vt-embed -q -m model -g last
vt-index export -g last -o last.vtg
vt-index diff gallery first
vt-index diff first gallery --records | jq -c '.properties.change' | sort | uniq -c
vt-index merge -g merged first last.vtg && vt-index verify -g merged
vt-index diff merged gallery
cmp <(vt-index dump --embeddings -g merged) <(vt-index dump --embeddings -g gallery)
cmp <(vt-index export -g merged) <(vt-index export -g gallery)
# Changed attributes; changed embeddings; points alone have none to compare.
sed -n 1,3p points | jq -c '.properties = {new: true}' | vt-embed -q -m model -g merged
vt-index diff gallery merged --records | jq -c '.properties.change'
vt-index dump --embeddings -g gallery | jq -c --slurp '.[0].properties.embedding as $e | .[] | .properties.embedding = $e' |
    vt-index load -g same
vt-index diff gallery same | grep -E 'embedding|attributes'
vt-index export --points-only -g gallery -o p.vtg
vt-index diff p.vtg same | grep -E 'changed'
# Refused, by name: the same file twice, another encoder, an existing gallery.
vt-index diff gallery ./gallery; echo "status $?"
vt-index dump --embeddings -g gallery | jq -c '.properties.gallery = "0123456789abcdef"' | vt-index load -g other
vt-index diff gallery other; echo "status $?"
vt-index merge -g x gallery other; echo "status $?"
vt-index merge -g x gallery gallery; echo "status $?"
vt-index merge -g x p.vtg; echo "status $?"
vt-index merge -g same gallery; echo "status $?"
[ ! -e x ]
