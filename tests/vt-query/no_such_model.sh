# A model that is not there.
. "$root/tests/vt-query/setup"
vt-query -m missing frames
