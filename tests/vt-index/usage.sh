# Wrong usage ends with status 2.
vt-index
echo "status $?"
vt-index rebuild
echo "status $?"
vt-index stat
echo "status $?"
vt-index build -g gallery more
echo "status $?"
vt-index verify --json -g gallery
echo "status $?"
