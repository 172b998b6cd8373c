# Sources that do not fit: status 1, the file, tensor or setting that is wrong, and nothing left behind.
. "$root/tests/vt-model/common.inc"
cp -rL ref/model-tiny src
chmod -R u+w src
import() { try vt-model import --clip src/clip --dinov2 src/dinov2 --heads src/heads.safetensors --tempgeo-heads 4 -o model "$@"; }
setting() { jq "$2" ref/model-tiny/$1/config.json >src/$1/config.json; import; cp ref/model-tiny/$1/config.json src/$1; }
import --clip no-such-folder
import --clip src
import --heads src/clip/config.json
import --clip ref/model-tiny/dinov2
import --dinov2 src/clip/model.safetensors
import --heads src/clip/model.safetensors
import --clip-heads 8
import --tempgeo-heads 5
import --refiner-heads 7
setting clip '.hidden_act = "gelu"'
setting clip '.hidden_size = 65'
setting clip '.num_hidden_layers = 3'
setting clip '.num_attention_heads = 7'
setting clip '.num_attention_heads = "four"'
setting clip '.image_size = 224'
setting clip '.projection_dim = 512'
setting clip '.layer_norm_eps = 5'
setting clip '.model_type = "vit"'
setting dinov2 '.use_swiglu_ffn = true'
setting dinov2 '.model_type = "dinov2_with_registers"'
setting dinov2 '.hidden_act = "relu"'
setting dinov2 '.mlp_ratio = 3'
setting dinov2 '.mlp_ratio = 1e300'
echo '{' >src/clip/config.json; import; cp ref/model-tiny/clip/config.json src/clip
truncate -s -100 src/dinov2/model.safetensors; import
cp ref/model-tiny/dinov2/model.safetensors src/dinov2
truncate -s -100 src/heads.pth; import --heads src/heads.pth
rm src/dinov2/config.json; import
import --dinov2-heads 3
ls
