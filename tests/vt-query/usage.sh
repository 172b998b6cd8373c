# Wrong usage.
. "$root/tests/vt-query/setup"
status vt-query -k 0 frames
status vt-query -k 1001 frames
status vt-query -k many frames
status vt-query --overwrite frames
unset VT_GALLERY
status vt-query frames
unset VT_MODEL
status vt-query frames
