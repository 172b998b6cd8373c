# A frame's time is a number or null: another type is a broken record, and never goes on downstream.
. "$root/tests/vt-query/setup"
for t in '"1.5"' true '[1]' '{}'; do sed "1s/\"t\":null/\"t\":$t/" frames | vt-query; done
sed '1s/"t":null/"t":1.5/' frames | vt-query | jq -c 'select(.properties.frame < 2).properties.t'
sed '1s/"t":null/"t":"x"/' frames | vt-query --skip-errors | jq -c 'select(.properties.frame < 2).properties | has("error")'
