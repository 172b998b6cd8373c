# A closed pipe downstream ends the tool quietly.
. "$root/tests/vt-query/setup"
long_source 2000 | vt-query -k 1000 | head -n 1 | wc -l
echo "${PIPESTATUS[1]}"
