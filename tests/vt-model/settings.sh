# A setting of which features or embeddings depend is a part of their ids: changed by hand, it is found.
. "$root/tests/vt-model/common.inc"
tiny
cp model/config.json whole.json
change() {
    jq "$1" whole.json >model/config.json
    cmp -s whole.json model/config.json && echo "no change: $1"
    try vt-model show --verify model
}
change '.clip.eps = 2e-5'
change '.dinov2.eps = 2e-6'
change '.clip.heads = 1'
change '.dinov2.heads = 1'
change '.recipe = "crop"'
change '.tempgeo.heads = 2'
change '.refiner.heads = 2'
