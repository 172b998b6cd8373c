# What an import left behind when it was killed goes with the next import of that name, and nothing else does.
. "$root/tests/vt-model/common.inc"
left() { mkdir "$1" && echo '{}' >"$1/config.json" && echo x >"$1/clip.safetensors"; }
left model.4000000.0.tmp
left model.4000000.12.tmp
left other.4000000.0.tmp    # of another model
left model.4000000.0.tmp.old # a model that was to be replaced
left model.4000000.tmp
left model.1.0.tmp           # in use: locked
left model.2.0.tmp && echo mine >model.2.0.tmp/notes.txt
ln -s other.4000000.0.tmp model.3.0.tmp
exec 9<model.1.0.tmp
flock -n 9
tiny
ls -d -- *model* other*
exec 9<&-
tiny --overwrite
ls -d -- *model* other*
# Killed at any time, the place holds a whole model or none.
for wait in 0.01 0.03 0.05 0.1; do
    tiny -o new 2>/dev/null &
    sleep $wait
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    test ! -e new || vt-model show --verify new >/dev/null || echo broken
done
tiny -o new --overwrite && ls -d -- new*
