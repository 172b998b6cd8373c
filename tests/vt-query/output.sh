# An output appears whole or not at all, and is not replaced without --overwrite.
. "$root/tests/vt-query/setup"
vt-query -o out frames
vt-query frames | cmp - out
status vt-query -o out frames
vt-query -o out --overwrite frames
head -n 3 frames >part
status vt-query -o half part
status vt-query -o missing/out frames
ls | grep -e out -e half
