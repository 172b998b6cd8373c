# A feature with NaN.
. "$root/tests/vt-query/setup"
sed '1s|"feature":"......|"feature":"AADAf/|' frames >nan
vt-query nan
