# --keep-vectors keeps embedding and ids, and adds the refined embedding.
. "$root/tests/vt-query/setup"
vt-query frames >matches
vt-refine --keep-vectors matches >out
jq -r '.properties | keys_unsorted | join(" ")' out | sort | uniq -c | sed 's/^ *//'
diff <(jq -c '[.properties.embedding, .properties.model, .properties.gallery, .properties.backbone]' out) \
    <(jq -c '[.properties.embedding, .properties.model, .properties.gallery, .properties.backbone]' matches)
jq -r '.properties.refined // empty | length' out | sort -u
diff <(vt-refine matches | jq -c .) <(jq -c 'del(.properties | .embedding, .refined, .model, .gallery, .backbone)' out)
