# Truth from a track: given, found beside the video, shifted; taken by distance; none wanted.
. "$root/tests/vt-frames/gps-setup"
sentence() { # BODY: with its checksum
    local sum=0 i
    for ((i = 0; i < ${#1}; i++)); do sum=$((sum ^ $(printf '%d' "'${1:i:1}"))); done
    printf '$%s*%02X\r\n' "$1" "$sum"
}
vt-frames --gps north.gpx drive.mp4 | show
echo "--- found beside the video, half a second later"
cp north.gpx drive.gpx
vt-frames --gps-offset 0.5 drive.mp4 | show
mv drive.gpx aside.gpx
echo "--- NMEA, with a damaged sentence and one without a fix"
{ sentence GPRMC,093000,A,5000.000,N,00030.000,E,,,140426,,,A; sentence GPRMC,093001,A,5000.006,N,00030.000,E,,,140426,,,A
  sentence GPRMC,093002,A,5900.000,N,00030.000,E,,,140426,,,A | sed 's/\*../*00/'; sentence GPRMC,093003,V,,,,,,,140426,,,N
  sentence GPRMC,093004,A,5000.024,N,00030.000,E,,,140426,,,A; } >drive.NMEA
vt-frames -q drive.mp4 | show
rm drive.NMEA
mv aside.gpx drive.gpx
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
