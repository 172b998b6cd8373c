# A feature of the wrong length.
. "$root/tests/vt-query/setup"
sed '1s/"feature":"[^"]*"/"feature":"AAAA"/' frames >short
vt-query short
