# A point that is not on the Earth.
. "$root/tests/vt-query/setup"
vt-query frames | sed '1s/"coordinates":\[[^]]*\]/"coordinates":[0,91]/' >odd
vt-refine odd
