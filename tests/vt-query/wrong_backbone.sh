# Features of other backbones are refused, also with --skip-errors.
. "$root/tests/vt-query/setup"
sed 's/"backbone":"[^"]*"/"backbone":"0123456789abcdef"/' frames >other
vt-query --skip-errors other
