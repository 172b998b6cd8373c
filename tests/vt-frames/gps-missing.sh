# Frames without truth: gaps, no fix, jumps, before and after the track. Counted, and the rest goes on.
. "$root/tests/vt-frames/gps-setup"
printf 't,lat,lon\n1,50,0.5\n2,,\n3,50.0002,0.5\n' >no-fix.csv
vt-frames --gps no-fix.csv drive.mp4 | show
printf 't,lat,lon\n0,50,0.5\n1,50.0001,0.5\n1.5,51,0.5\n2,50.0002,0.5\n3,50.0003,0.5\n' >jump.csv
vt-frames --gps jump.csv --every 250ms --duration 3s drive.mp4 | show
printf 't,lat,lon\n0,50,0.5\n30,50.0002,0.5\n' >gap.csv
vt-frames -q --gps gap.csv drive.mp4 | show
vt-frames --gps gap.csv --gps-gap 1min drive.mp4 | show
vt-frames --gps no-fix.csv --every 50m drive.mp4 | show
sed '3s/<time>[^<]*/<time>/' north.gpx >timeless-point.gpx
vt-frames --gps timeless-point.gpx drive.mp4 | show
cp timeless-point.gpx drive.gpx
vt-frames drive.mp4 | show
