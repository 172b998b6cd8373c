# Real truth: a GoPro's telemetry and photos' EXIF, as exiftool reads them.
# needs: shared
. "$root/tests/vt-frames/gps-setup"
vt-frames --every 2002ms shared/data/video/hero_gps5.mp4 | show
vt-frames --every 4m shared/data/video/hero_gps5.mp4 | jq -c '[.properties.t, .properties.truth]'
vt-frames shared/data/photos/lund | jq -c '[.properties.frame, .properties.truth]'
vt-frames --skip-still 10 shared/data/photos/lund | jq -c '[.properties.frame, .properties.truth]'
# The camera's clock shows local time, eight hours behind its GPS.
{ point 33.12677 -117.3273436 2019-11-18T23:45:15Z; point 33.1266707 -117.3272752 2019-11-18T23:45:25Z; } | gpx >hero.gpx
status vt-frames --gps hero.gpx shared/data/video/hero_gps5.mp4
vt-frames --gps hero.gpx --gps-offset 28783 --every 5s shared/data/video/hero_gps5.mp4 | jq -c '[.properties.t, .properties.truth]'
# The same without a fix in its first second, and in none.
sed '0,/GPSFL\x04\x00\x01\x00\x00\x00\x03/s//GPSFL\x04\x00\x01\x00\x00\x00\x00/' shared/data/video/hero_gps5.mp4 >late.mp4
status vt-frames --every 700ms --duration 2s late.mp4 | jq -Rc '(fromjson? | [.properties.t, .properties.truth]) // .'
sed 's/GPSFL\x04\x00\x01\x00\x00\x00\x03/GPSFL\x04\x00\x01\x00\x00\x00\x00/g' shared/data/video/hero_gps5.mp4 >never.mp4
status vt-frames --every 4s never.mp4 | jq -Rc '(fromjson? | [.properties.t, .properties.truth]) // .'
