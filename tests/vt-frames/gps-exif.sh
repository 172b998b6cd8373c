# EXIF written by hand: all four quarters, no fix, 0 0, and a track that is asked at the pictures' own times.
. "$root/tests/vt-frames/gps-setup"
bytes() { # NUMBER BYTES: the least significant first
    local i
    for ((i = 0; i < $2; i++)); do printf '%b' "\\x$(printf '%02x' $(($1 >> (8 * i) & 255)))"; done
}
entry() { bytes "$1" 2 && bytes "$2" 2 && bytes "$3" 4; } # TAG TYPE COUNT; four bytes of value follow
letter() { entry "$1" 2 2 && printf '%s\0\0\0' "$2"; }
angle() { bytes "$1" 4 && bytes 1 4 && bytes "$2" 4 && bytes 1 4 && bytes 0 4 && bytes 1 4; } # DEGREES MINUTES
photo() { # FILE LAT MINUTES N|S LON E|W STATUS SECOND
    {
        printf '\xff\xd8\xff\xe1\0\xef'
        printf 'Exif\0\0II*\0' && bytes 8 4
        bytes 1 2 && entry 34853 4 1 && bytes 26 4 && bytes 0 4
        # the GPS table, at 26: 7 entries; what they point to begins at 116
        bytes 7 2 && letter 1 "$4" && entry 2 5 3 && bytes 116 4 && letter 3 "$6" && entry 4 5 3 && bytes 140 4
        entry 7 5 3 && bytes 164 4 && letter 9 "$7" && entry 29 2 11 && bytes 188 4 && bytes 0 4
        angle "$2" "$3" && angle "$5" 0
        bytes 9 4 && bytes 1 4 && bytes 30 4 && bytes 1 4 && bytes "$8" 4 && bytes 1 4
        printf '2026:04:14\0' && head -c 32 /dev/zero
        tail -c +3 plain.jpg
    } >"$1"
}
ffmpeg -nostdin -v error -i ref/frames/00.png plain.jpg
mkdir photos
photo photos/1.jpg 50 30 N 10 E A 0
photo photos/2.jpg 50 30 S 10 W A 1
photo photos/3.jpg 50 30 N 10 E V 2
photo photos/4.jpg 0 0 N 0 E A 3
cp plain.jpg photos/5.jpg
vt-frames photos | show
echo "--- the track's, at the pictures' times; a receiver without a fix has no time either"
vt-frames --gps north.gpx photos | show
status vt-frames --gps north.gpx --start-time 2026-04-14 photos
