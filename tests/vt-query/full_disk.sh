# A full disk.
. "$root/tests/vt-query/setup"
vt-query frames >/dev/full
