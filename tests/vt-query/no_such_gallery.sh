# A gallery that is not there, or is none.
. "$root/tests/vt-query/setup"
status vt-query -g missing frames
echo "no gallery" >text
status vt-query -g text frames
