# Records that are no frames: the points of a gallery.
. "$root/tests/vt-query/setup"
vt-query points
