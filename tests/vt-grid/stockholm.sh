# A shapefile's streets and its boundary; GDAL's ST_Area over 200 m squared is 68,016.
# needs: shared
vt-grid --roads 20 --keep name,highway shared/data/shp/stockholm/edges.shp >roads
head -n 1 roads
echo "$(wc -l <roads) points, $(jq -r .properties.id roads | sort -u | wc -l) ids"
vt-grid --area 200 shared/data/shp/stockholm/boundary.geojson >area
head -n 1 area
echo "$(wc -l <area) points, $(jq -r .properties.id area | sort -u | wc -l) ids"
