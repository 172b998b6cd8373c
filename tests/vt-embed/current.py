"""What vt-gallery(5) shows for cron and systemd, taken from the page as it stands.

    current.py PAGE cron | services | FILE...   the crontab's command | the service's, one a line | the units into files
"""
import os
import shlex
import sys

page, what = sys.argv[1], sys.argv[2]
blocks, block = [], None
for line in open(page, encoding="utf-8"):
    if line.startswith(".Bd -literal"):
        block = []
    elif line.startswith(".Ed") and block is not None:
        blocks.append("".join(block))
        block = None
    elif block is not None:
        assert "\\" not in line and not line.startswith("."), "roff would change " + line
        block.append(line)
units = [b for b in blocks if b.startswith("[Unit]")]
tables = [b for b in blocks if not b.startswith("[Unit]")]
assert len(units) == 2 and len(tables) == 1, "a crontab, a service and a timer"


def cron():
    (line,) = tables[0].splitlines()
    fields = line.split(None, 5)
    assert len(fields) == 6 and all(set(f) <= set("0123456789*,/-") for f in fields[:5])
    return fields[5].split("%")[0]  # crontab(5): what follows is the command's standard input


def services():
    section, folder = None, None
    for line in units[0].splitlines():
        key, _, value = line.partition("=")
        if line.startswith("["):
            section = line
        elif key == "WorkingDirectory":
            folder = value.replace("%h", os.environ["HOME"])
        elif key == "ExecStart":
            assert section == "[Service]" and "%" not in value.replace("%h", "") and "$" not in value
            words = shlex.split(value.replace("%h", os.environ["HOME"]))
            assert os.path.isabs(words[0])
            yield "cd " + shlex.quote(folder) + " && " + shlex.join(words)


if what == "cron":
    print(cron())
elif what == "services":
    print("\n".join(services()))
else:
    for unit, path in zip(units, sys.argv[2:]):
        open(path, "w", encoding="utf-8").write(unit)
