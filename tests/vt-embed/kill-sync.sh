# Syncs, builds, compactions and imports that are killed lose nothing and show no mixture; tests/full/kills does more.
bash "$root/tests/full/kills" 4 >log
grep -v ' killed, ' log
tail -n 1 log | grep -q ' killed, ' && echo done
