# A stream that was cut off between two records.
. "$root/tests/vt-query/setup"
head -n 5 frames | vt-query >out
status=$?
summary <out | wc -l
exit "$status"
