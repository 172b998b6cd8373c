# A record was lost on the way.
. "$root/tests/vt-query/setup"
sed 4d frames >lost
vt-query lost >out
