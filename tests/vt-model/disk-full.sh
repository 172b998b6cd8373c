# A disk that takes no more: an error that names the file, and nothing left behind, old model untouched.
. "$root/tests/vt-model/common.inc"
tiny
before=$(cat model/* | cksum)
trap '' XFSZ
ulimit -f 700
try tiny -o full | sed 's/full\.[0-9]*\.0\.tmp/full.PID.0.tmp/'
try tiny --recipe crop --overwrite | sed 's/model\.[0-9]*\.0\.tmp/model.PID.0.tmp/;s|/.*/model|model|'
[ "$before" = "$(cat model/* | cksum)" ] && echo the old model is untouched
ls
