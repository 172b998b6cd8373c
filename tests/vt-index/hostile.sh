# What is no gallery, or a part of one, is an error and never a signal.
vt-model import --clip ref/model-tiny/clip --dinov2 ref/model-tiny/dinov2 --heads ref/model-tiny/heads.safetensors -o model
/usr/bin/python3 "$root/tests/vt-embed/golden.py" points ref/golden.safetensors | vt-embed -m model -g gallery
printf 'lon,lat\n%.0s' {1..2000} >text
: >empty
mkdir folder
mkfifo pipe
head -c 100 gallery >bytes
head -c 8192 gallery >heads
head -c 65536 gallery >half
head -c 65537 gallery >odd
{ head -c 24 gallery; head -c 100000 /dev/zero; } >zeros
for g in text empty folder pipe nowhere bytes heads half odd zeros; do
    for command in stat verify dump build; do
        vt-index $command -g $g
        s=$?
        [[ $s == 1 ]] || echo "$command $g: status $s"
    done
done
