# Interrupted in any way, the same command goes on, and ends with the same weights.
. "$root/tests/vt-train/setup"
vt-train --cache c drives
options=(--phase 1 --steps 150 "${small[@]}" --validate 0.2 --validate-every 40 --save-every 0 c)
vt-train "${options[@]}" -o whole
for signal in INT TERM KILL; do
    model=after-$signal
    # jobs in the background ignore SIGINT otherwise
    env --default-signal=INT vt-train "${options[@]}" -o $model --log $model.log 2>said &
    until [ -s $model.state ] && [ "$(wc -l <$model.log)" -ge 10 ]; do sleep 0.02; done
    kill -s $signal $!
    wait $! 2>/dev/null
    echo "$signal: status $?"
    sed -E 's/step [0-9]+/step N/' said
    [ -e $model ] && echo "there is a model"
    vt-train "${options[@]}" -o $model --log $model.log
    cmp $model/heads.safetensors whole/heads.safetensors
    [ -e $model.state ] && echo "the state is still there"
    # every step is in the log
    jq -s 'map(.step) | unique | length' $model.log
done 2>&1 | grep -av Killed
