# --skip-errors makes error records of broken ones.
. "$root/tests/vt-query/setup"
vt-query frames | sed -e '1s/"coordinates":\[[^]]*\]/"coordinates":[0,91]/' -e '2s/"geometry":{[^}]*}/"geometry":null/' -e '3s/"embedding":"../"embedding":"/' |
    vt-refine --skip-errors | summary
exit "${PIPESTATUS[2]}"
