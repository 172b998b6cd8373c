# Truth from a track: given, found beside the video, shifted; taken by distance; none wanted.
. "$root/tests/vt-frames/gps-setup"
vt-frames --gps north.gpx drive.mp4 | show
echo "--- found beside the video, half a second later"
cp north.gpx drive.gpx
vt-frames --gps-offset 0.5 drive.mp4 | show
echo "--- not wanted"
vt-frames --no-gps --every 2s drive.mp4 | show
echo "--- every 11 m; a camera that stands for two seconds"
vt-frames --every 11m drive.mp4 | show
{ point 50 0.5 2026-04-14T09:30:00Z; point 50.0001 0.5 2026-04-14T09:30:01Z; point 50.0001 0.5 2026-04-14T09:30:03Z
  point 50.0003 0.5 2026-04-14T09:30:04Z; } | gpx >stands.gpx
vt-frames --gps stands.gpx --every 500ms --skip-still 2 drive.mp4 | show
echo "--- pictures by distance"
printf 't,lat,lon\n0,50,0.5\n4,50.0004,0.5\n' >video-clock.csv
vt-frames --gps video-clock.csv --start 2s --every 1s drive.mp4 | show
