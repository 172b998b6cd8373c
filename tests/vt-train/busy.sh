# A second training on the state of another leaves at once and says why; when that one has ended, it may.
. "$root/tests/vt-train/setup"
options=(--phase 1 --steps 4 "${small[@]}" --state s)
mkfifo pipe
vt-train "${options[@]}" -o first pipe &
exec 3>pipe # when the first reads, it has the lock
status vt-train "${options[@]}" -o second drives
ls
cat drives >&3
exec 3>&-
wait $!
echo "the first: status $?"
# what one leaves behind that was killed is in nobody's way
touch s.lock
status vt-train "${options[@]}" --steps 6 -o second drives
ls
