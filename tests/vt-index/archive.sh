# A gallery through an archive: the same dump, the same answers, the same bytes when it is packed again.
. "$root/tests/vt-index/setup"
vt-index export -g gallery -o a.vtg && vt-index export -g gallery | cmp - a.vtg
vt-index import -g copy a.vtg && vt-index verify -g copy
cmp <(vt-index dump --embeddings -g gallery) <(vt-index dump --embeddings -g copy)
vt-index export -g copy | cmp - a.vtg
vt-index import -g piped - <a.vtg && vt-index export -g piped | cmp - a.vtg
vt-index list -g a.vtg | cmp - <(vt-index list -g gallery)
vt-query -q -m model -g gallery frames >before
vt-query -q -m model -g copy frames | cmp - before
# What is there stays; an archive is no gallery to search.
vt-index import -g copy a.vtg; echo "status $?"
vt-index export -g gallery -o a.vtg; echo "status $?"
vt-query -q -m model -g a.vtg frames; echo "status $?"
for c in stat verify build compact 'remove --tag x'; do vt-index $c -g a.vtg; echo "status $?"; done
vt-embed -m model -g a.vtg points; echo "status $?"
vt-index import -g x gallery; echo "status $?"
vt-index load -g x a.vtg; echo "status $?"
vt-index load -g x gallery; echo "status $?"
# Damaged, it makes no gallery: every 97th bit here, all of them in the unit tests.
/usr/bin/python3 - <<'END'
import subprocess, os
data, taken = open("a.vtg", "rb").read(), 0
for bit in range(0, 8 * len(data), max(97, 8 * len(data) // 40)):
    bad = bytearray(data)
    bad[bit // 8] ^= 1 << bit % 8
    open("bad.vtg", "wb").write(bad)
    ended = subprocess.run(["vt-index", "import", "-g", "y", "bad.vtg"], stderr=subprocess.PIPE)
    taken += ended.returncode != 1 or b"bad.vtg" not in ended.stderr or os.path.exists("y")
print(taken, "taken")
END
ls
