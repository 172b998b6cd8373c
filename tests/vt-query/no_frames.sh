# A source without frames, and after it another.
. "$root/tests/vt-query/setup"
{ echo '{"type":"Feature","geometry":null,"properties":{"end":true,"source":"a","frames":0}}'; cat frames; } | vt-query | summary
