# --reembed killed at any moment leaves the old gallery whole, or the new one; run again, it goes on, to the new one's dump.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" other ref/model-tiny/heads.safetensors >other.safetensors
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads other.safetensors -o other
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[%.7f,%.7f]},\"properties\":{\"tag\":\"t\"}}\n", (i * 7919) % 3607 / 10.1 - 178, (i * 104729) % 1801 / 10.1 - 89 }' >points
vt-embed -m model -g gallery points
vt-embed -m other -g wanted points
vt-index build -g gallery
vt-index dump --embeddings -g gallery >old.dump
vt-index dump --embeddings -g wanted >new.dump
cp gallery first
for i in $(seq 6); do
    vt-embed -m other -g gallery --reembed --batch 256 2>messages &
    sleep "0.$((i * 61 % 80 + 10))"
    if ((i % 2)); then kill -KILL $!; else kill -TERM $!; fi 2>/dev/null
    wait $! 2>/dev/null
    cat messages
    vt-index verify -g gallery
    vt-index dump --embeddings -g gallery >dump
    cmp -s dump old.dump || cmp -s dump new.dump || echo "neither old nor new after kill $i"
    # begin anew what was done already
    cmp -s dump new.dump && cp first gallery
done 2>/dev/null
vt-embed -m other -g gallery --reembed --batch 256
vt-index verify -g gallery
vt-index dump --embeddings -g gallery | cmp - new.dump
vt-index stat --json -g gallery | jq -c '[.points, .blocks == .indexed_blocks, .hidden, .staged]'
find . -name 'gallery*' | sort
