# Where OpenBLAS takes the CPU for a lesser one, a tool starts itself once more, with its arguments and its input;
# not where the user has chosen. A preloaded library plays the part, and counts the starts.
. "$root/tests/vt-model/common.inc"
cat >core.c <<'C'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
char *openblas_get_corename(void) { return "Haswell"; }
__attribute__((constructor)) static void start(void) {
    int f = open(getenv("STARTS"), O_WRONLY | O_APPEND);
    if (f < 0 || write(f, "x", 1) != 1) abort();
    close(f);
}
C
cc -shared -fPIC core.c -o core.so || exit
tiny
twice=1
if grep -q avx512dq /proc/cpuinfo && grep -q avx512vl /proc/cpuinfo; then twice=2; fi
export STARTS=$PWD/starts ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0
export OMP_WAIT_POLICY=passive
unset OPENBLAS_CORETYPE
run() {
    : >starts
    LD_PRELOAD=$PWD/core.so "$@"
    echo "exit $?"
}
run vt-model show model | head -n 1
[ "$(wc -c <starts)" = $twice ] && echo as often as the CPU needs
echo ref/frames/02.png | run vt-frames -m model --list - | grep -c feature
[ "$(wc -c <starts)" = $twice ] && echo as often as the CPU needs
# One start sets all that is missing.
unset OMP_WAIT_POLICY
echo ref/frames/02.png | run vt-frames -m model --list - | grep -c feature
[ "$(wc -c <starts)" = 2 ] && echo twice
OPENBLAS_CORETYPE=Zen run vt-model show model | tail -n 1
[ "$(wc -c <starts)" = 1 ] && echo once
run vt-model show nothere
run vt-model show --frobnicate
