# Threads without work sleep, unless the environment says how they wait: OpenMP's own report of it, at each start.
for tool in vt-embed "vt-index build" vt-query; do
    OMP_DISPLAY_ENV=true $tool --help 2>&1 >/dev/null | grep -o 'WAIT_POLICY.*' | tail -n 1
done
OMP_DISPLAY_ENV=true OMP_WAIT_POLICY=active vt-embed --help 2>&1 >/dev/null | grep -o 'WAIT_POLICY.*' | tail -n 1
