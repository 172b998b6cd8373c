# The folder that an interrupted run leaves beside its FILE goes with the next run for that FILE; others stay.
left() { mkdir "$1" && echo half >"$1/$2"; }
left out.csv.4000000.0.tmp points.csv
left out.csv.4000000.1.tmp points_temp.fgb
left out.csv.4000001.0.tmp notes.txt # a stranger's
left out.csv.4000002.0.tmp.old points.csv
left out.csv.1.0.tmp points.csv # in use: locked
left other.csv.4000000.0.tmp points.csv
exec 9<out.csv.1.0.tmp
flock -n 9
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"n":1}}' >points
vt-grid --points --keep n -o out.csv points
find . -path './o*' | sort
exec 9<&-
vt-grid --points --keep n -o out.csv --overwrite points
vt-grid --points -o other.csv points
find . -path './o*' | sort
cat out.csv
