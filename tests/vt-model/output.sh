# What is there is replaced only with --overwrite, and only a model folder; a failure leaves all as it was.
. "$root/tests/vt-model/common.inc"
tiny
ids() { jq -c .ids model/config.json; }
ids
try tiny
try tiny --recipe crop --overwrite
ids
echo note >model/notes.txt
try tiny --overwrite
cat model/notes.txt
rm model/notes.txt
mkdir other
echo keep >other/file
try tiny -o other --overwrite
try tiny -o other
cat other/file
echo plain >file
try tiny -o file --overwrite
try tiny -o file/model
try tiny -o no/such/folder
try tiny -o slashes///
ln -s model link
try tiny -o link --overwrite
ids
test -L link && echo still a link
ls -A
