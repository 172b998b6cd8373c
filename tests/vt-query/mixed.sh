# Records of two sources mixed.
. "$root/tests/vt-query/setup"
{ head -n 2 frames; sed 's/"source":"[^"]*"/"source":"other"/' frames; } >mixed
vt-query mixed >out
