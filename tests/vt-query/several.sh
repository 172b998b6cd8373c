# -g several times: the answer of one gallery that holds all; what is given twice counts once; each must be this model's.
. "$root/tests/vt-query/setup"
vt-index dump --embeddings -g gallery | shuf --random-source=points >all
head -n 25 all | vt-index load -g a
sed -n 20,40p all | vt-index load -g b
tail -n +41 all | vt-index load -g c
vt-query -k 20 frames >one
vt-query -k 20 -g a -g b -g c frames | cmp - one
vt-query -k 20 -g c -g ./a -g b -g a frames | cmp - one
vt-query frames | vt-refine >one
vt-query -g a -g b -g c frames | vt-refine -g c -g b -g a | cmp - one
vt-query -g a -g missing frames; echo "status $?"
vt-index dump --embeddings -g b | jq -c '.properties.gallery = "0123456789abcdef"' | vt-index load -g other
vt-query -g a -g other frames; echo "status $?"
vt-refine -g a -g other one; echo "status $?"
vt-query $(printf -- '-g a%.0s ' {1..65}) frames; echo "status $?"
