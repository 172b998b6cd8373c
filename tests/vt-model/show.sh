# show takes the folder as an operand, with -m or from the environment, and prints text or one JSON object.
. "$root/tests/vt-model/common.inc"
tiny --half
vt-model show --json model | jq -c 'del(.kernels)'
vt-model show -m model --json | jq -r '.kernels | test(", OpenBLAS ")'
VT_MODEL=model vt-model show | sed -n '1,4p'
vt-model show model --json >/dev/full
echo "exit $?"
vt-model show model --verify --json | jq .parameters.all
