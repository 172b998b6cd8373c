# A source longer than the model's 64 positions keeps its order; the bytes do not depend on the threads.
. "$root/tests/vt-query/setup"
long_source 300 >long
vt-query -k 2 --threads 1 long >a
vt-query -k 2 --threads 2 long >b
cmp a b
jq -s -c '[length, ([.[:300][].properties.frame] == [range(300)]), .[300].properties]' a
