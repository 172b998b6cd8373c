# Two runs, other threads, batches and orders of arrival: the same bytes, as vt-gallery(5) says of dumps, archives, imports and compacted galleries.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
awk 'BEGIN { for (i = 0; i < 1500; i++) printf "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%.7f,%.7f]},\"properties\":{\"tag\":\"t%d\"%s}}\n", (i * 7919) % 3607 / 10.1 - 178, (i * 104729) % 1801 / 10.1 - 89, i % 7, i % 3 ? "" : ",\"n\":" i }' >points
vt-embed -m model -g a --threads 1 points
sed -n '901,$p' points >second
vt-embed -m model -g b --threads 3 --batch 300 second
tac points | vt-embed -m model -g b --batch 77
for g in a b; do
    vt-index dump --embeddings -g $g >$g.dump
    vt-index export -g $g -o $g.vtg
    vt-index import -g $g.import $g.vtg
    vt-index build -g $g.import
    vt-index load -g $g.load $g.dump
    vt-index build -g $g
    vt-index compact -g $g
    vt-index dump --embeddings -g $g | cmp - $g.dump
done
for what in .dump .vtg .import .load ''; do cmp -l "a$what" "b$what" >differ; awk -v what="$what" 'what != "" || !($1 > 144 && $1 <= 152 || $1 > 4240 && $1 <= 4248) { print "differs" what; exit }' differ; done
vt-index verify -g b.load && vt-index stat --json -g b.load | jq -c '[.points, .blocks, .fill]'
# A gallery that is made at once, of the same stream: the same file too, whatever the threads and wherever memory lay. Points by the
# thousand, so that the stage has many pages.
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%.7f,%.7f]},\"properties\":{\"name\":\"%s %d\"}}\n", (i * 7919) % 3607 / 10.1 - 178, (i * 104729) % 1801 / 10.1 - 89, "a name that takes a hundred bytes or so, so that a page has few points", i }' >many
vt-embed -m model -g once --threads 1 many && vt-index build -g once --threads 1
MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=4096 vt-embed -m model -g twice --threads 3 many
MALLOC_PERTURB_=77 vt-index build -g twice --threads 2
cmp once twice && vt-index verify -g twice
vt-index stat -g twice | grep -E 'points|staged|indexed'
