# Wrong usage: a message that names the option, status 2.
try() {
    vt-frames "$@"
    echo $?
}
try
try a.mp4
try -m model --every 0 a.mp4
try -m model --every 5mm a.mp4
try -m model --every nan a.mp4
try -m model --every=-1s a.mp4
try -m model --every 1s --count 3 a.mp4
try -m model --every-frames 0 a.mp4
try -m model --count 1.5 a.mp4
try -m model --start x a.mp4
try -m model --duration 0 a.mp4
try -m model --list a --list b
try -m model --list - -
try -m model a.mp4 b.mp4 a.mp4
try -m model --overwrite a.mp4
