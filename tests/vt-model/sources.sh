# Other places for sources: pytorch_model.bin in a folder, a config.json that belongs to something else, and a model folder's own files.
. "$root/tests/vt-model/common.inc"
tiny
mkdir heads
cp ref/model-tiny/heads.pth heads/pytorch_model.bin
tiny --heads heads -o from-bin
diff -r model from-bin && echo the same from pytorch_model.bin
cp ref/model-tiny/clip/model.safetensors clip.safetensors
cp ref/model-tiny/dinov2/config.json .
tiny --clip clip.safetensors -o beside
jq .clip.heads beside/config.json
tiny --clip clip.safetensors --clip-heads 4 -o beside --overwrite
diff -r model beside && echo the same with --clip-heads
mkdir whole
cp ref/model-tiny/clip/model.safetensors whole
jq '{model_type: "clip", projection_dim, text_config: {hidden_size: 512}, vision_config: (del(.model_type) + {projection_dim: 512})}' \
    ref/model-tiny/clip/config.json >whole/config.json
tiny --clip whole -o from-whole
diff -r model from-whole && echo the same with the config of a whole CLIPModel
cp -r model again
vt-model import --clip again/clip.safetensors --dinov2 again/dinov2.safetensors --heads again/heads.safetensors \
    --clip-heads 4 --dinov2-heads 4 --tempgeo-heads 4 --refiner-heads 4 -o again --overwrite
diff -r model again && echo the same from a model folder
VT_MODEL=nowhere vt-model show model --json | jq -c .ids
