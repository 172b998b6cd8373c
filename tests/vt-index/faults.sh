# Disks that fill up or fail, kills and stops at any call do no harm; tests/full/faults does more.
[[ -z ${PLAIN_BUILD-} ]] || PATH=$PLAIN_BUILD/bin:$PATH # it preloads a library, which the sanitizers do not like
export ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0:detect_leaks=0
bash "$root/tests/full/faults" 25 >log 2>said
grep -v ' calls went wrong$' log
grep -v '^no full disk: ' said
tail -n 1 log | grep -q '^[1-9][0-9]* calls went wrong$' && echo done
