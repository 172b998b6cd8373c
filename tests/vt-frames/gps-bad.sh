# Tracks that cannot be used: clocks that miss, no times, 0 0, swapped, not a track; and wrong usage.
. "$root/tests/vt-frames/gps-setup"
status vt-frames --gps north.gpx --start-time 2026-04-14T10:30:00Z drive.mp4
status vt-frames --gps north.gpx --start-time 2026-04-14T11:29:00+02:00 drive.mp4
status vt-frames --gps north.gpx --gps-offset -3600 drive.mp4
ffmpeg -nostdin -v error -i drive.mp4 -c copy -map_metadata -1 undated.mp4
status vt-frames --gps north.gpx undated.mp4
vt-frames --gps north.gpx --start-time 2026-04-14T09:30:00Z --every 3s undated.mp4 | show
sed 's/<time>[^<]*<.time>//' north.gpx >timeless.gpx
status vt-frames --gps timeless.gpx drive.mp4
sed 's/lat="[^"]*" lon="[^"]*"/lat="0" lon="0"/' north.gpx >zero.gpx
status vt-frames --gps zero.gpx drive.mp4
printf 't,lat,lon\n0,113.5,22.1\n' >swapped.csv
status vt-frames --gps swapped.csv drive.mp4
head -c 300 north.gpx >cut.gpx
status vt-frames --gps cut.gpx drive.mp4
status vt-frames --gps ref/metrics.json drive.mp4
status vt-frames --gps nothere.gpx drive.mp4
cp swapped.csv drive.csv
status vt-frames drive.mp4
rm drive.csv
printf 't,lat,lon\n0,50,0.5\n4,50.0004,0.5\n' >video.csv
status vt-frames --gps video.csv --start-time 2026-04-14 drive.mp4
status vt-frames --gps video.csv ref/frames
status vt-frames --gps video.csv --gps-offset 100 drive.mp4
status vt-frames --gps video.csv --gps-offset -100 drive.mp4
status vt-frames --every 5m drive.mp4
status vt-frames --every 5m ref/frames
status vt-frames --gps-offset 5 drive.mp4
for options in '--no-gps --gps north.gpx' '--every 5m --every-frames 2' '--every-frames 2 --every 5m' '--every 0m' \
    '--every xm' '--skip-still -1' '--start-time noon' '--every 5m --skip-still 3' '--gps-offset x'; do
    # shellcheck disable=SC2086
    status vt-frames $options drive.mp4
done
