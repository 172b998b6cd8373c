# Wrong usage, and one file that is not there.
. "$root/tests/vt-query/setup"
status vt-refine -k 3 frames
status vt-refine missing
unset VT_GALLERY
status vt-refine frames
unset VT_MODEL
status vt-refine frames
