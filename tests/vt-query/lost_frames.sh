# Thousands of lost frames in a row do not wait for the window; order and count stay.
. "$root/tests/vt-query/setup"
{
    head -n 3 frames
    for ((i = 3; i < 20000; i++)); do
        echo "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"source\":\"ref/frames\",\"frame\":$i,\"error\":{\"type\":\"decode\",\"message\":\"m\"}}}"
    done
    sed -n 4p frames | jq -c '.properties.frame = 20000'
    tail -n 1 frames | jq -c '.properties.frames = 20001'
} | vt-query -k 1 >out
echo $?
jq -s -c '[length, ([.[:20001][].properties.frame] == [range(20001)]), ([.[] | select(.geometry)] | length)]' out
