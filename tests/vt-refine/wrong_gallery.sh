# Matches in a gallery of another encoder are refused.
. "$root/tests/vt-query/setup"
vt-query frames | sed 's/"gallery":"[^"]*"/"gallery":"0123456789abcdef"/' >other
vt-refine other
