# vt-gallery(5)'s crontab line and systemd service, run as they stand there: they print nothing and follow the source.
mkdir -p home/.local/bin home/streets
for tool in vt-grid vt-embed vt-index; do ln -s "$bin/$tool" home/.local/bin; done
export HOME=$PWD/home
cd home/streets
vt-model import --clip ../../ref/model-tiny/clip --dinov2 ../../ref/model-tiny/dinov2 --heads ../../ref/model-tiny/heads.safetensors -o model
cp ../../ref/doggerby/streets.* .
page() { /usr/bin/python3 "$root/tests/vt-embed/current.py" "$root/man/vt-gallery.5" "$@"; }
# As cron and systemd start programs: hardly any environment. (The sanitizers' options are ours.)
bare() { (cd "$HOME" && env -i HOME="$HOME" LOGNAME=me SHELL=/bin/sh PATH=/usr/bin:/bin ASAN_OPTIONS="$ASAN_OPTIONS" LSAN_OPTIONS="$LSAN_OPTIONS" "$@" 2>&1); }
cron() { bare /bin/sh -c "$(page cron)"; echo "cron $?"; }
service() {
    local command status=none
    while read -r command; do
        bare /bin/sh -c "$command" </dev/null
        status=$?
        [[ $status == 0 ]] || break
    done < <(page services)
    echo "service $status"
}
count() { vt-index verify -g streets.gallery && vt-index stat --json -g streets.gallery | jq -c '[.points, .blocks == .indexed_blocks, (.tags | keys)]'; }
cron
count
cp streets.gallery before
cron
service
cmp streets.gallery before
ogr2ogr part.shp streets.shp -where 'FID < 10' && for f in part.*; do mv "$f" "streets.${f#part.}"; done
service
count
cp streets.gallery before
echo "# The source cannot be read: the gallery stays, and there is a message."
mv streets.dbf streets.shp ..
cron | sed 's/^vt-grid: streets.shp: .*/vt-grid: streets.shp: .../'
service | sed 's/^vt-grid: streets.shp: .*/vt-grid: streets.shp: .../'
cmp streets.gallery before
mv ../streets.* .
echo "# Another writer is at work."
mkfifo pipe
vt-embed -m model -g streets.gallery pipe &
exec 3>pipe
echo '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":{"tag":"other"}}' >&3
while vt-index build -q -g streets.gallery 2>/dev/null; do sleep 0.1; done
cron
exec 3>&-
wait
cron
count
