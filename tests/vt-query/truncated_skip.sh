# --skip-errors does not excuse a stream that was cut off.
. "$root/tests/vt-query/setup"
head -n 3 frames >part
vt-query --skip-errors part >out
