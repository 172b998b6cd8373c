# A dump with embeddings makes an equal gallery: the same dump, the same answers.
. "$root/tests/vt-index/setup"
vt-index dump --embeddings -g gallery >dump
head -n 1 dump | jq -c '.properties | keys_unsorted, .gallery'
vt-index load -g copy dump && vt-index verify -g copy
vt-index dump --embeddings -g copy | cmp - dump
vt-query -q -m model -g gallery frames >before
vt-query -q -m model -g copy frames | cmp - before
# In any order; of float32 too, and what the first one's type cannot hold is not rounded in silence.
shuf --random-source=dump dump | vt-index load -g shuffled && vt-index dump --embeddings -g shuffled | cmp - dump
vt-embed -q -m model -g single --dtype f32 points
vt-index dump --embeddings -g single >single.geojsonl && vt-index load -g single2 single.geojsonl
vt-index dump --embeddings -g single2 | cmp - single.geojsonl
cat dump single.geojsonl | vt-index load -g x; echo "status $?"
vt-index load --dtype f16 -g rounded single.geojsonl && vt-index dump --embeddings -g rounded | cmp - dump
# Lines that were changed by hand: an embedding belongs to its place, and tags have names.
sed '3s/"coordinates":\[[-0-9.]*/"coordinates":[8.5/' dump | vt-index load -g x; echo "status $?"
sed '3s/"gallery":/"gallery_tags":["a","a\\tb"],&/' dump | vt-index load -g x; echo "status $?"
sed '3s/"id":"[^"]*",//' dump | vt-index load -g noid && vt-index dump --embeddings -g noid | cmp - dump
# No gallery comes of anything else.
vt-index load -g x points; echo "status $?"
vt-index load -g x </dev/null; echo "status $?"
jq -c '.properties.gallery = "0123456789abcdef"' dump | cat dump - | vt-index load -g x; echo "status $?"
head -c 1000 dump | vt-index load -g x; echo "status $?"
vt-index export -g copy | tee copy.vtg | vt-index load -g x; echo "status $?"
vt-index load -g x copy.vtg; echo "status $?"
vt-index load -g x copy; echo "status $?"
vt-index load -g copy dump; echo "status $?"
vt-index load --dtype f64 -g x dump; echo "status $?"
ls
