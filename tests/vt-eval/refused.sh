# Streams that are damaged, cut off or no tracks; truth that is none.
. "$root/tests/vt-eval/setup"
source_of a 3 0 '.' >good
head -n 3 good >cut
status vt-eval cut
: >empty
status vt-eval empty
source_of a 1 0 '.geometry = null' >features
status vt-eval features
for truth in '[1]' '"here"' '[7, 120]' '[400, 7]' '[0, 0]'; do
    source_of a 2 0 "if \$i == 1 then .properties.truth = $truth else . end" >wrong
    status vt-eval wrong
done
echo nonsense | status vt-eval
status vt-eval good nothere
vt-eval good >/dev/full || echo "status $?"
