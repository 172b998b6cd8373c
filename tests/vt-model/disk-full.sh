# A disk that takes no more: an error that names the file, and nothing left behind, old model untouched.
. "$root/tests/vt-model/common.inc"
tiny
before=$(cat model/* | cksum)
trap '' XFSZ
ulimit -f 700
try tiny -o full
try tiny --recipe crop --overwrite | sed 's|/.*/model/|model/|'
[ "$before" = "$(cat model/* | cksum)" ] && echo the old model is untouched
ls
