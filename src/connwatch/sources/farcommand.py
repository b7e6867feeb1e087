"""What runs on the other machine, and how ssh is asked to run it. Builds texts only; starts nothing.

Over there only a POSIX shell, `tail`, `head`, `ls` and `cksum` or `md5sum` are needed (any busybox has them), and `docker` for a container. Every
script begins with a marker: whatever a login shell prints before it is no log. Standard input is a lifeline: it ends with the
connection, and what was started ends with it, so that a lost link leaves nothing running there.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from connwatch.sources.stamped import asked_from

__all__ = ["AGAIN", "NO_PERMISSION", "command_script", "container_script", "file_script", "ssh_command"]

AGAIN = 75
"""Exit status of a container's script that wants to be run again with the newest cursor. A user's command may have the same."""
NO_PERMISSION = 77

_OPTIONS = (
    "BatchMode=yes",  # a question would wait for ever
    "ServerAliveInterval=2",  # without these two a dead link is never noticed
    "ServerAliveCountMax=2",
    "ConnectTimeout=10",
    "ControlMaster=no",  # a shared connection has the keepalives of whoever opened it
    "ControlPath=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "LogLevel=INFO",  # quieter, it would not say why it failed
)

_BEGIN = """m={marker}
say() {{ printf '\\n%s %s\\n' "$m" "$*"; }}
exec 4<&0
"""
_LIFELINE = """{{ cat > /dev/null; kill {whom}; }} <&4 2> /dev/null > /dev/null & l=$!
"""
_WATCHED = "{command} & t=$!\n" + _LIFELINE.replace("{whom}", "$t $$") + "wait $t; r=$?\n"

_CONTAINER = """n={name}
x=$(docker container inspect --format '{{{{.State.Running}}}}' "$n" 2>&1 > /dev/null) || {{ printf '%s\\n' "$x" >&2; exit 1; }}
set -- $(date -u '+%Y-%m-%dT%H:%M:%SZ %Y%m%d%H%M%S')
d=$1
say begin "$d"
"""
_NOT_THE_FUTURE = """s={since}
[ {digits} -le "$2" ] || s=$d
"""
_STOPPED = """[ $r = 0 ] || {{ kill $l; exit $r; }}
say stopped
until [ "$(docker container inspect --format '{{{{.State.Running}}}}' "$n" 2> /dev/null)" = true ]; do sleep 1; done
say started
kill $l
exit {again}
"""

_FILE = """p={path} i={inode} o={offset} n={sampled} c={sum} k={known} e={end}
z=0.25; sleep $z 2> /dev/null || z=1
u=cksum; command -v cksum > /dev/null || u=md5sum
look() {{ set -- $(ls -Lind "$1" 2> /dev/null) 0 0 0 0 0 0; I=$1 S=$6; }}
denied() {{ echo "cannot read $1" >&2; kill $l; exit {denied}; }}
sum() {{ set -- $({{ head -c "$n" | $u; }} < "$1"); echo "$1"; }}
mark() {{ n=$S; [ "$n" -le 256 ] || n=256; c=$(sum /dev/fd/3); [ -n "$c" ] || denied "$p"; }}
copy() {{ tail -c +$((o + 1)) | head -c $((S - o)); }}
begin() {{ mark; i=$J; say file "$J" "$o" "$n" "$c" "$f"; }}
attach() {{
    look "$p"
    if [ "$I" = 0 ]; then say wait; e=; while look "$p"; [ "$I" = 0 ]; do sleep $z; done; fi
    [ -f "$p" ] && [ -r "$p" ] || {{ ls -l "$p" > /dev/null; denied "$p"; }}
    exec 3< "$p"
    look /dev/fd/3; J=$I f=0
}}
older() {{
    for g in "$p".* "$p"-*; do
        if [ -f "$g" ] && [ -r "$g" ]; then
            look "$g"
            if [ "$n" -gt 0 ] || [ "$I" = "$i" ]; then
                if [ "$S" -ge "$o" ] && [ "$(sum "$g")" = "$c" ]; then return 0; fi
            fi
        fi
    done
    return 1
}}
rest() {{
    say file "$I" "$o" "$n" "$c" 0
    tail -c +$((o + 1)) < "$g" || denied "$g"
    say done
    for h in "$p".* "$p"-*; do [ ! "$h" -nt "$g" ] || {{ say lost; break; }}; done
    look /dev/fd/3; o=0
}}
lost() {{ [ "$o" = 0 ] || say lost; look /dev/fd/3; o=0; }}
say hello
attach
if [ -n "$k" ]; then
    s=; [ "$S" -lt "$o" ] || [ "$(sum /dev/fd/3)" != "$c" ] || s=1
    if [ -n "$s" ] && [ "$J" = "$i" ]; then :
    elif older; then rest
    elif [ -n "$s" ] && [ "$n" = 256 ]; then look /dev/fd/3
    else lost; fi
elif [ -n "$e" ]; then
    f=$S o=0
    [ "$S" -le 65536 ] || o=$((S - 65536))
fi
begin
a=0 v=
while :; do
    look /dev/fd/3
    if [ "$S" -lt "$o" ]; then
        say truncated
        if older; then rest; else look /dev/fd/3; o=0; fi
        f=0; begin
    elif [ "$S" -gt "$o" ]; then
        copy < /dev/fd/3 || denied "$p"
        o=$S a=0
        if [ "$n" -lt 256 ]; then mark; say head "$n" "$c"; fi
        say live "$o"; v=1
    else
        [ -n "$v" ] || {{ say live "$o"; v=1; }}
        look "$p"
        if [ "$I" = 0 ] || [ "$I" = "$J" ]; then a=0; else a=$((a + 1)); fi
        if [ "$a" -ge 8 ]; then exec 3<&-; attach; say rotated; o=0 a=0 v=; begin; else sleep $z; fi
    fi
done
"""


def ssh_command(host: str, script: str, *, ssh_config: str | None = None) -> list[str]:
    """The command line. Our options come first, where ssh lets them win over its files; all else is as the user configured it."""
    forced = [part for option in _OPTIONS for part in ("-o", option)]
    chosen = ["-F", ssh_config] if ssh_config is not None else []
    return ["ssh", *forced, *chosen, "-T", "--", host, f"exec sh -c {shlex.quote(script)}"]


def container_script(marker: str, name: str, since: float | None) -> str:
    """Follow a container's log. `since` is in seconds since the epoch, 0 for all there is, None for what comes from now on.

    What lies in the future over there becomes now: nothing may come unseen until then. The log ends when the container stops: the script
    waits until it runs again, and asks to be run anew. Raises ValueError for a time beyond the calendar.
    """
    begin, asked = (_BEGIN + _CONTAINER).format(marker=marker, name=shlex.quote(name)), '--since "$d"'
    if since:
        stamp = asked_from(since)
        begin += _NOT_THE_FUTURE.format(since=stamp, digits="".join(filter(str.isdigit, stamp[:19])))
        asked = '--since "$s"'
    elif since is not None:
        asked = ""
    return begin + _WATCHED.format(command=f'docker logs -f -t {asked} -- "$n" 2>&1') + _STOPPED.format(again=AGAIN)


def command_script(marker: str, command: str) -> str:
    """Run what the user wrote, in a shell of its own."""
    begin = _BEGIN.format(marker=marker) + "say begin $(date -u +%Y-%m-%dT%H:%M:%SZ)\n"
    return begin + _WATCHED.format(command=f"sh -c {shlex.quote(command)}") + "kill $l\nexit $r\n"


def file_script(marker: str, path: str, cursor: Sequence[str] | None, *, at_end: bool) -> str:
    """Follow a file through renaming and truncation. `cursor` is inode, offset, size of the sample at its beginning, and sum of that.

    A look every quarter of a second; what has grown is copied in one piece, so that a position is never in doubt. Each piece is opened
    anew by the shell, which says where that fails: the permission may have been taken away since. The script's own position is told after
    it, for `tail` may have copied less. The old generation is held open until nothing came for eight looks after the path was another file.
    """
    inode, offset, sampled, digest = cursor or ("0", "0", "0", "0")
    known, end = "1" if cursor else "", "1" if at_end else ""
    begin = _BEGIN.format(marker=marker) + _LIFELINE.format(whom="$$")
    values = {"inode": inode, "offset": offset, "sampled": sampled, "sum": digest, "known": known, "end": end, "denied": NO_PERMISSION}
    return begin + _FILE.format(path=shlex.quote(path), **values)
