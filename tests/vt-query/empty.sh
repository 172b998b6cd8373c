# Nothing on standard input: what should have written it has failed.
. "$root/tests/vt-query/setup"
vt-query
