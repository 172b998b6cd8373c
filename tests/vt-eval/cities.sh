# The city-level protocol: each frame to the nearest centre, the video to most of its frames.
. "$root/tests/vt-eval/setup"
printf 'city,latitude,longitude\nAville,0,0\nBeton,0,1\nCelo,0,2\n' >centers.csv
printf 'continent,country,city\nX,M,Aville\nX,M,Beton\nX,N,Celo\n' >hierarchy.csv
source_of right 3 0 'if $i == 0 then .geometry.coordinates = [2, 1] else . end' >stream
source_of neighbour 3 0 '.geometry.coordinates[0] += 1' >>stream
source_of abroad 3 0 '.geometry.coordinates[0] += 2' >>stream
vt-eval --thresholds 200 --per-source --format csv --centers centers.csv --hierarchy hierarchy.csv stream |
    cut -d, -f2,14-
vt-eval --centers centers.csv stream | tail -n 1
sed '$s/Celo/Delo/' hierarchy.csv >other.csv
status vt-eval --centers centers.csv --hierarchy other.csv stream
sed 's/,0,2/,120,2/' centers.csv >swapped.csv
status vt-eval --centers swapped.csv stream
status vt-eval --centers nothere.csv stream
