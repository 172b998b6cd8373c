# --skip-errors makes error records of broken ones; count and order stay.
. "$root/tests/vt-query/setup"
sed -e '2s/.*/nonsense/' -e '4s/"feature":"[^"]*"/"feature":"AAAA"/' -e '6s/"backbone":"[^"]*",//' frames | vt-query --skip-errors | summary
exit "${PIPESTATUS[1]}"
