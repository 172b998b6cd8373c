# Standard input, -, and files give the same; each file is a stream of its own.
. "$root/tests/vt-query/setup"
vt-query <frames >a
vt-query - <frames >b
vt-query frames frames >c
cmp a b
cat a a | cmp - c
