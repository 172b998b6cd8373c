# Unsorted, the first points come before the source has ended.
mkfifo in out
vt-grid --roads 1000 --unsorted - <in >out &
exec 4>in 5<out
echo '{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[9.5,47.1],[9.501,47.1]]}}' >&4
read -r line <&5; echo "$line"
read -r line <&5; echo "$line"
echo '{"type":"Feature","properties":{},"geometry":{"type":"LineString","coordinates":[[9.6,47.1],[9.601,47.1]]}}' >&4
read -r line <&5; echo "$line"
exec 4>&-
cat <&5
wait $!
echo "exit $?"
