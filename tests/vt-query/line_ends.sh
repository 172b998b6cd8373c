# CRLF, RS, blank lines, a byte order mark and a missing last newline change nothing.
. "$root/tests/vt-query/setup"
vt-query frames >a
{ printf '\xef\xbb\xbf'; sed 's/^/\x1e/; s/$/\r\n/' frames | head -c -3; } | vt-query >b
cmp a b
