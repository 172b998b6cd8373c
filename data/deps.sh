#!/bin/sh
# Installs the Debian packages that the toolkit needs, as root or with sudo, and says which and why.
# Does nothing when all are there. DEPS_FOR: build (default), check, full, fuzz, lint.
set -eu

# what to look for | Debian package | why. What to look for is a command, a file (a pattern), or pkg-config's name.
build='
cmd:gcc|build-essential|compiles the tools
cmd:pkg-config|pkg-config|finds the libraries
gdal|libgdal-dev|reads shapefiles, OSM extracts and every other GIS format
proj|libproj-dev|coordinate systems and geodesics
lmdb|liblmdb-dev|the gallery store
openblas|libopenblas-dev|matrix products
libzstd|libzstd-dev|compresses attributes in the store
libavformat|libavformat-dev|opens videos and pictures
libavcodec|libavcodec-dev|decodes them
libswscale|libswscale-dev|converts their colours
jansson|libjansson-dev|reads and writes JSON
libxxhash|libxxhash-dev|checksums and ids
'
check='
cmd:jq|jq|the tests read every stream with it
cmd:ogr2ogr|gdal-bin|the tests convert tracks and make sources with it
cmd:geod|proj-bin|the tests compare distances and headings with it
cmd:ffmpeg|ffmpeg|the tests make videos with it
cmd:/usr/bin/python3|python3|runs the schema checks
file:/usr/lib/python3/dist-packages/jsonschema|python3-jsonschema|validates every stream against schemas/
'
full='
cmd:/usr/bin/python3|python3|runs the reference model
file:/usr/lib/python3/dist-packages/torch|python3-torch|computes what the tools are compared with
file:/usr/lib/python3/dist-packages/numpy|python3-numpy|arrays for it
file:/usr/lib/python3/dist-packages/PIL|python3-pil|pictures for it
cmd:/usr/bin/time|time|reports peak memory
'
fuzz='
cmd:clang|clang|builds the fuzzers
file:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a|libclang-rt-dev|libFuzzer and the sanitizers of clang
file:/usr/lib/llvm-*/lib/libomp.so|libomp-dev|threads in programs that clang builds
'
lint='
cmd:clang|clang|a second compiler
file:/usr/lib/llvm-*/lib/libomp.so|libomp-dev|its OpenMP
cmd:objdump|binutils|looks for variables in the libraries
cmd:clang-format|clang-format|the code style
cmd:cppcheck|cppcheck|static analysis
cmd:mandoc|mandoc|checks the man pages
cmd:shellcheck|shellcheck|checks the scripts
'

# shellcheck disable=SC2086 # a file may be a pattern
missing() {
    case $1 in
    cmd:*) ! command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    file:*) ! ls -d ${1#file:} >/dev/null 2>&1 ;;
    *) ! pkg-config --exists "$1" 2>/dev/null ;;
    esac
}

case ${DEPS_FOR:-build} in
build) table=$build ;;
check) table=$check ;;
full) table=$full ;;
fuzz) table=$fuzz ;;
lint) table=$lint ;;
*) echo "deps: DEPS_FOR=$DEPS_FOR is not build, check, full, fuzz or lint" >&2; exit 2 ;;
esac

packages=
saved_ifs=$IFS
IFS='
'
for row in $table; do
    what=${row%%|*}
    rest=${row#*|}
    if missing "$what"; then
        packages="$packages ${rest%%|*}"
        printf 'needs %-20s %s\n' "${rest%%|*}" "${rest#*|}"
    fi
done
IFS=$saved_ifs
[ -n "$packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "deps: no apt-get here; install these with your system's packages:$packages" >&2
    exit 1
fi
sudo=
if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null 2>&1 || { echo "deps: run as root, or install sudo" >&2; exit 1; }
fi
echo "installing:$packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # the list is words
if ! { $sudo apt-get update &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "deps: apt-get failed" >&2
    exit 1
fi
