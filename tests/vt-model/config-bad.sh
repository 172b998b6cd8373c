# A damaged or hostile config.json: status 1 and the key that is wrong.
. "$root/tests/vt-model/common.inc"
tiny
cp model/config.json good.json
edit() { jq "$1" good.json >model/config.json; try vt-model show model; }
raw() { printf '%s' "$1" >model/config.json; try vt-model show model; }
head -c 300 good.json >model/config.json; try vt-model show model
raw ''
raw '[]'
raw '{"format":"vidtag-model","format":"vidtag-model"}'
raw '{"format":"something else","version":1}'
head -c 2000000 /dev/zero >model/config.json; try vt-model show model
edit '.version = 2'
edit '.version = "1"'
edit 'del(.version)'
edit '.surprise = 1'
edit '.clip.surprise = 1'
edit '.architecture = "resnet"'
edit '.architecture = "geoclip"'
edit '.recipe = "squeeze"'
edit '.picture_size = 0'
edit '.picture_size = 70'
edit '.clip.layers = 1000000000'
edit '.clip.layers = 3'
edit '.clip.layers = -1'
edit '.clip.layers = 1.5'
edit '.clip.layers = "two"'
edit 'del(.clip.layers)'
edit 'del(.clip)'
edit '.clip = 7'
edit '.clip.heads = 5'
edit '.clip.eps = 1'
edit '.clip.image_size = 57'
edit '.tempgeo.dim = 64'
edit '.tempgeo.dim = 1e30'
edit '.tempgeo.dim = 99999999999999999999999'
edit '.tempgeo.max_frames = 65'
edit '.mlp.sizes = []'
edit '.mlp.sizes = [128,"x"]'
edit '.mlp.sizes = [range(1;40)]'
edit '.mlp.sizes = [128,96,80,63]'
edit '.mlp.activation = "relu"'
edit '.location.branches = 9'
edit '.location.out = 32'
edit '.refiner.decoder_layers = 0'
edit '.refiner.dim = 32'
edit '.ids.model = "XYZ"'
edit '.ids.model = "0123456789abcdeg"'
edit 'del(.ids)'
edit '.files.clip = "../secret"'
edit '.files.clip = "/etc/passwd"'
edit '.files.clip = ""'
edit '.files.clip = "a\u0000b"'
edit 'del(.files.heads)'
edit '.ids.model = "0123456789abcdef"' | grep 'model id'
try vt-model show --verify model
rm model/config.json; try vt-model show model
try vt-model show nowhere
