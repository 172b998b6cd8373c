# Frames that vt-query has not seen.
. "$root/tests/vt-query/setup"
vt-refine frames
