# GeoPackage, FlatGeobuf and CSV hold the points of the stream; they appear whole or not at all.
streets=ref/doggerby/streets.shp
vt-grid --roads 20 --keep name $streets >lines
jq -c '.geometry.coordinates + (.properties | [.id, .heading, .name])' lines | sort >want
for file in a.gpkg a.fgb a.csv; do
    vt-grid --roads 20 --keep name -o $file $streets
    [[ $file == *.csv ]] && options=(-oo X_POSSIBLE_NAMES=X -oo Y_POSSIBLE_NAMES=Y -oo AUTODETECT_TYPE=YES) || options=()
    ogr2ogr -f GeoJSONSeq /vsistdout/ $file "${options[@]}" 2>/dev/null |
        jq -c '(.geometry.coordinates | map(. + 0)) + (.properties | [.id, .heading + 0, .name])' | sort | cmp - <(jq -c '[.[0] + 0, .[1] + 0, .[2], .[3] + 0, .[4]]' want) && echo "$file: the same points"
    vt-grid --points $file | jq -r .properties.id | cmp - <(jq -r .properties.id lines) && echo "$file: the same ids"
done
vt-grid --roads 20 --keep name -f gpkg -o other.name $streets && ogrinfo -ro -q other.name 2>/dev/null
vt-grid --roads 20 --keep name -f geojsonseq -o lines.csv $streets && cmp lines lines.csv && echo "lines"
for row in '{"n":1,"x":1.5,"m":1,"t":"a"}' '{"n":2,"x":2,"m":"b","t":null}'; do
    echo "{\"type\":\"Feature\",\"properties\":$row,\"geometry\":{\"type\":\"Point\",\"coordinates\":[9.5,47.${#row}]}}"
done >typed
vt-grid --points --keep n,x,m,t -o typed.fgb - <typed && ogrinfo -ro -so -al typed.fgb | grep -E '^[a-z]+: '
vt-grid --roads 20 -o a.gpkg $streets; echo "exit $?"
vt-grid --roads 20 -o a.csv nowhere.shp --overwrite; echo "exit $?"
vt-grid --roads 20 --overwrite -o a.csv $streets; echo "exit $?, $(wc -l <a.csv) lines"
vt-grid --roads 20 -o no/such/folder.gpkg $streets; echo "exit $?"
mkdir folder.gpkg; vt-grid --roads 20 --overwrite -o folder.gpkg $streets; echo "exit $?"
for file in full.gpkg full.fgb full.csv; do # no file may be longer than 16 KiB
    (trap '' XFSZ; ulimit -f 16; vt-grid --roads 5 -o $file $streets 2>message; echo "exit $?"; cut -d : -f 1-3 message)
done
for name in NAME fid X; do
    for file in taken.gpkg taken.fgb taken.csv; do vt-grid --roads 20 --keep name,$name -o $file $streets; done
done
vt-grid --points --keep tag --tag a -o taken.csv $streets
vt-grid --roads 20 -f shp -o a.shp $streets; echo "exit $?"
vt-grid --roads 20 -f CSV $streets; echo "exit $?"
vt-grid --roads 20 -o b.csv --unsorted $streets; echo "exit $?"
vt-grid --roads 20 -o b.csv --dry-run $streets | grep points
ls
