# The tiny model from safetensors and from .pth heads is the same folder, byte for byte, and prints nothing.
for heads in heads.safetensors heads.pth; do
    vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 \
        --heads ref/model-tiny/$heads --tempgeo-heads 4 --refiner-heads 4 -o $heads.model
done
diff -r heads.safetensors.model heads.pth.model && ls heads.pth.model
cat heads.pth.model/config.json
vt-model show --verify heads.pth.model | grep -v ^kernels
