# A source of which no frame could be read.
. "$root/tests/vt-query/setup"
printf '%s\n' '{"type":"Feature","geometry":null,"properties":{"source":"a","frame":0,"error":{"type":"decode","message":"m"}}}' \
    '{"type":"Feature","geometry":null,"properties":{"end":true,"source":"a","frames":1}}' | vt-query
