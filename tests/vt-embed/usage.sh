# Wrong usage ends with status 2.
vt-embed
echo "status $?"
vt-embed -m model
echo "status $?"
vt-embed -m model -g gallery --dtype f64
echo "status $?"
vt-embed -m model -g gallery --batch 0
echo "status $?"
vt-embed -m model -g gallery --sinc x
echo "status $?"
vt-embed -m model -g gallery --sync x --tag y
echo "status $?"
vt-embed -m model -g gallery --sync x --skip-errors
echo "status $?"
vt-embed -m model -g gallery --reembed --sync x
echo "status $?"
vt-embed -m model -g gallery --reembed points
echo "status $?"
vt-embed -m nowhere -g gallery </dev/null
echo "status $?"
ls | grep -vx shared
