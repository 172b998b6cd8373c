# Matches of another model are refused.
. "$root/tests/vt-query/setup"
vt-query frames | sed 's/"model":"[^"]*"/"model":"0123456789abcdef"/' >other
vt-refine other
