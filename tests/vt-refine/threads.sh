# A source longer than the model's 64 positions keeps its order; the bytes do not depend on the threads.
. "$root/tests/vt-query/setup"
long_source 300 | vt-query >matches
vt-refine --threads 1 matches >a
vt-refine --threads 2 matches >b
cmp a b
jq -s -c '[length, ([.[:300][].properties.frame] == [range(300)]), .[300].properties]' a
