# Readers need to write nothing: on a read-only file system, in another user's folder, on a full disk without a lock file.
. "$root/tests/vt-query/setup"
vt-query frames >wanted
rm -f gallery-lock
mkdir place
chmod 755 . ..
read_it() { # WORDS...: run before the tool; 8 readers at once
    local i
    for i in 1 2 3 4 5 6 7 8; do "$@" vt-query -g place/gallery frames >"got$i" & done
    wait
    for i in 1 2 3 4 5 6 7 8; do cmp wanted "got$i"; done
    "$@" vt-index verify -g place/gallery
    ls place
}
# As root, on file systems of its own; where that is not allowed, in a folder that is not writable.
if [[ $(id -u) == 0 ]] && mount -t tmpfs -o size=1m tmpfs place 2>/dev/null; then
    cp gallery place
    mount -o remount,ro place
    read_it
    umount place
    mount -t tmpfs -o size=$((($(stat -c %s gallery) / 4096 + 4) * 4096)) tmpfs place
    cp gallery place
    head -c 1M /dev/zero >place/fill 2>/dev/null
    read_it | grep -v fill | grep -v 'gallery-lock'
    umount place
else
    cp gallery place
    chmod 555 place
    read_it
    read_it
fi
