# Points alone are embedded again where they arrive, and are the same gallery then. Another encoder is refused.
. "$root/tests/vt-index/setup"
vt-index export --points-only -g gallery -o p.vtg
vt-index export -g gallery | wc -c >whole && [ "$(wc -c <p.vtg)" -lt $(($(cat whole) / 2)) ] && echo smaller
vt-index import -g copy p.vtg && vt-index stat -g copy | grep -E 'points|staged'
vt-index dump --embeddings -g p.vtg; echo "status $?"
vt-index merge -g x copy; echo "status $?"
vt-embed -m model -g copy /dev/null; echo "status $?"
cmp <(vt-index dump --embeddings -g gallery) <(vt-index dump --embeddings -g copy)
vt-embed -m model -g copy /dev/null; echo "status $?"
