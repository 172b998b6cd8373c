# Frames out of order.
. "$root/tests/vt-query/setup"
{ sed -n 3p frames; sed 3d frames; } >turned
vt-query turned >out
