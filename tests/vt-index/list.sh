# One line for each point: id, longitude, latitude and tags, with tabs between.
. "$root/tests/vt-index/setup"
vt-index list -g gallery | head -n 2
cmp <(vt-index list -g gallery | cut -f 1-3) \
    <(vt-index dump -g gallery | jq -r '[.properties.id, .geometry.coordinates[]] | @tsv' | awk -F'\t' -v OFS='\t' '{printf "%s\t%.7f\t%.7f\n", $1, $2, $3}')
jq -c '.properties.gallery_tags = ["b", "a, c"]' <(vt-index dump --embeddings -g gallery | head -n 1) | vt-index load -g tagged
vt-index list -g tagged | tr '\t' '|'
