# A feature that is no base64.
. "$root/tests/vt-query/setup"
sed '1s/"feature":"./"feature":"*/' frames >odd
vt-query odd
