# A stream that was cut off within a record.
. "$root/tests/vt-query/setup"
head -c 900 frames >part
vt-query part
