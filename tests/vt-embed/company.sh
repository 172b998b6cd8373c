# A point's embedding has the same bits in whatever batch, order and gallery it was computed, with OpenBLAS's kernels for either kind of CPU.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
awk 'BEGIN { for (i = 0; i < 1500; i++) printf "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%.7f,%.7f]},\"properties\":{}}\n", (i * 7919) % 3607 / 10.1 - 178, (i * 104729) % 1801 / 10.1 - 89 }' >points
export VT_MODEL=model
cores=
grep -qwm1 avx2 /proc/cpuinfo && cores=Haswell
grep -qwm1 avx512bw /proc/cpuinfo && cores="$cores SkylakeX"
for core in ${cores:-none}; do
    [[ $core == none ]] || export OPENBLAS_CORETYPE=$core
    vt-embed --dtype f32 -g whole.$core points
    tac points | vt-embed --dtype f32 --batch 77 -g reversed
    sed -n 1,700p points | vt-embed --dtype f32 -g first
    sed -n '701,$p' points | vt-embed --dtype f32 -g second
    vt-index merge -g both second first
    for g in reversed both; do
        [[ $(vt-index diff whole.$core $g | grep -c ' 0$') == 6 ]] || echo "$core $g: differs"
        vt-index dump --embeddings -g whole.$core | cmp - <(vt-index dump --embeddings -g $g)
    done
    rm -f reversed* first* second* both*
done
