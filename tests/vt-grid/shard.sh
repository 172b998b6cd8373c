# The shards of the ground share no point and leave none out; which square belongs to which does not depend on the rest.
vt-grid --roads 5 ref/doggerby/streets.shp >whole
vt-grid --roads 5 -where "name like 'Ringvej%'" ref/doggerby/streets.shp >part
for n in 1 2 3 7; do
    for i in $(seq "$n"); do vt-grid --roads 5 --shard "$i/$n" ref/doggerby/streets.shp; done >all
    LC_ALL=C sort all | cmp - <(LC_ALL=C sort whole) && echo "$n: $(wc -l <all) of $(wc -l <whole)"
done
vt-grid --roads 5 --shard 2/3 ref/doggerby/streets.shp | jq -r .properties.id >ids
vt-grid --roads 5 --shard 2/3 -where "name like 'Ringvej%'" ref/doggerby/streets.shp | jq -r .properties.id >of-part
jq -r .properties.id part | comm -12 - ids | cmp - of-part && wc -l <of-part
for s in 0/3 4/3 3 1/0 a/b /2 1/ -1/2 1/2/3; do vt-grid --roads 5 --shard "$s" ref/doggerby/streets.shp; echo "exit $?"; done 2>&1
printf 'lat,lon\n47.1,9.5\n' >one.csv
for i in 1 2 3; do vt-grid --points --shard "$i/3" one.csv | wc -l; done
