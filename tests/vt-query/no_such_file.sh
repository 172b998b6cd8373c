# A file that is not there, and a folder.
. "$root/tests/vt-query/setup"
status vt-query missing
status vt-query ref
