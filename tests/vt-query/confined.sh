# --spat, --region and --tag: the answer of a gallery that holds only such points.
. "$root/tests/vt-query/setup"
vt-index dump --embeddings -g gallery >all
inside() { jq -c "select(.geometry.coordinates as [\$x, \$y] | $1)" all | vt-index load -g "$2"; }
same() { # GALLERY OPTIONS...: the same with the options on the whole as on that part
    local part=$1
    shift
    vt-query -k 7 -g "$part" frames >expected
    vt-query -k 7 "$@" frames | cmp - expected && vt-query -k 1 "$@" frames | summary | head -n 1
}
inside '$x >= -60 and $x <= 90.5 and $y >= -40 and $y <= 60' box
same box --spat -60,-40,90.5,60
inside '$x >= 120 or $x <= -120' across
same across --spat 120,-90,-120,90
echo '{"type":"Polygon","coordinates":[[[-60,-40],[90.5,-40],[90.5,60],[-60,60],[-60,-40]]]}' |
    jq -c '{type: "Feature", properties: {}, geometry: .}' >box.geojsonl
same box --region box.geojsonl
ogr2ogr -f GPKG -t_srs EPSG:3857 box.gpkg box.geojsonl
same box --region box.gpkg
jq -c 'if .geometry.coordinates[0] > 0 then .properties.gallery_tags = ["east", "all"] else . end' all | vt-index load -g tagged
inside '$x > 0' east
same east -g tagged --tag east
inside '$x > 0 and $x <= 90.5 and $y >= -40 and $y <= 60' both
same both -g tagged --tag east --spat -180,-40,180,90 --region box.geojsonl
# Nothing there, no polygons, not a box.
vt-query --spat 0,0,0.1,0.1 frames; echo "status $?"
vt-query --tag west -g tagged -g gallery frames; echo "status $?"
vt-query --region points frames; echo "status $?"
vt-query --region nowhere frames; echo "status $?"
for box in 1,2,3 1,2,3,4,5 1,5,3,4 x,2,3,4 1,2,3,91 ''; do vt-query --spat "$box" frames; echo "status $?"; done
vt-query --region - <frames; echo "status $?"
