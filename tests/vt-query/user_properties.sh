# What a user adds upstream arrives downstream, numbers unchanged, foreign members too; a bounding box would be wrong.
. "$root/tests/vt-query/setup"
sed 's/"properties":{/"properties":{"mine":{"a":[0.1,null,9007199254740993,"ä\\u0001"]},/; s/^{/{"id":7,"bbox":[0,0,1,1],/' frames |
    vt-query -k 1 | sed 's/"embedding":"[^"]*"/"embedding":""/; s/"score":[^,]*/"score":0/; s/\(\[\[[^]]*,\)[^],]*\]/\10]/' | head -n 1
