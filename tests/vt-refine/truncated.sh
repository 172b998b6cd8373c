# A stream that was cut off.
. "$root/tests/vt-query/setup"
vt-query frames | head -n 5 | vt-refine >out
