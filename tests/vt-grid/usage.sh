# Wrong usage ends with status 2 and writes nothing to standard output.
try() { "$@"; echo "exit $?" >&2; }
try vt-grid
try vt-grid --roads 20
try vt-grid --roads 20 --points x
for m in 0 -5 nan inf 1e-9 2e6 20m ''; do try vt-grid --roads "$m" x; done
try vt-grid --area 0.001 x
try vt-grid --points --highway all x
try vt-grid --points -s_srs nonsense x
try vt-grid --points --s_srs http://example.org/crs x
try vt-grid --points --keep id x
try vt-grid --points --keep a,,b x
try vt-grid --roads 20 -where "a = 1" -
try vt-grid --roads 20 -l a -
try vt-grid --points --nope x
try vt-grid --points --overwrite x
