"""Logs of another machine without one: commands, what comes back, going on where it broke off, and what is said when it fails."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.sources.far import Frames
from connwatch.sources.farcommand import command_script, container_script, file_script, ssh_command
from connwatch.sources.farfile import FileReading
from connwatch.sources.farlog import CommandReading, ContainerReading
from connwatch.sources.sshtrouble import trouble_of
from connwatch.sources.stamped import MOST_KEPT, Stamped, asked_from, stamp_of

MARK = "connwatch-0123456789abcdef"
HOSTILE = "a'; touch /tmp/x; echo '$(id) `id` \\ \"|&"


def test_our_options_come_before_everything_the_user_may_have_configured() -> None:
    command = ssh_command("ops@box", "echo hi", ssh_config="/etc/cw/ssh_config")
    assert command[0] == "ssh"
    assert command[-5:] == ["/etc/cw/ssh_config", "-T", "--", "ops@box", "exec sh -c 'echo hi'"]
    chosen = command[2 : command.index("-F") : 2]
    assert {"BatchMode=yes", "ServerAliveInterval=2", "ServerAliveCountMax=2", "ConnectTimeout=10", "ControlPath=none"} <= set(chosen)
    assert "-F" not in ssh_command("box", "true")


@pytest.mark.parametrize(
    "script",
    [container_script(MARK, HOSTILE, 1.5), file_script(MARK, HOSTILE, None, at_end=True), command_script(MARK, HOSTILE)],
    ids=["container", "path", "command"],
)
def test_names_from_the_configuration_are_words_and_nothing_else(script: str) -> None:
    assert shlex.quote(HOSTILE) in script
    assert HOSTILE not in script.replace(shlex.quote(HOSTILE), "")
    assert shlex.split(ssh_command("box", script)[-1])[-1] == script


def pieces(frames: Iterable[bytes | list[str]]) -> list[bytes | list[str]]:
    """Neighbouring bytes joined."""
    joined: list[bytes | list[str]] = []
    for frame in frames:
        if isinstance(frame, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += frame
        else:
            joined.append(frame)
    return joined


STREAM = f"Welcome to box!\n\n{MARK} begin now\none\n\ntwo{MARK} no\nhalf\n{MARK} stopped\n\n{MARK} started\nend\n".encode()


@given(st.lists(st.integers(0, len(STREAM))), st.booleans())
def test_words_are_found_wherever_the_stream_is_cut(cuts: list[int], eager: bool) -> None:
    frames = Frames(MARK, eager=eager)
    places = [0, *sorted(cuts), len(STREAM)]
    found = [frame for start, end in itertools.pairwise(places) for frame in frames.feed(STREAM[start:end])]
    found.append(frames.finish())
    told = pieces(frame for frame in found if frame)
    words = [frame for frame in told if isinstance(frame, list)]
    assert words == [["begin", "now"], ["stopped"], ["started"]]
    text = b"".join(frame for frame in told if isinstance(frame, bytes))
    assert text.replace(b"\n\n", b"\n").replace(b"half\n", b"half") in (
        f"one\ntwo{MARK} no\nhalfend\n".encode(),
        f"one\ntwo{MARK} no\nhalf\nend\n".encode(),
    )


def test_a_line_is_not_held_back_where_nothing_may_follow_for_hours() -> None:
    frames = Frames(MARK, eager=True)
    assert list(frames.feed(f"\n{MARK} begin\n".encode())) == [["begin"]]
    assert list(frames.feed(b"a line\n")) == [b"a line\n"]
    assert list(frames.feed(f"\n{MARK} stopped\n".encode())) == [["stopped"]]


@pytest.mark.parametrize(
    ("line", "at"),
    [
        (b"1970-01-01T00:00:01.500000000Z x", 1.5),
        (b"1970-01-01T01:00:01+01:00 x", 1.0),
        (b"1970-01-01T00:00:01Z", None),
        (b"1970-13-01T00:00:01Z x", None),
        (b"plain text", None),
    ],
)
def test_a_stamp_in_front(line: bytes, at: float | None) -> None:
    assert stamp_of(line) == at


def stamped(*seconds: float) -> list[bytes]:
    return [f"{asked_from(second)} line\n".encode() for second in seconds]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.data())
def test_a_stream_that_is_asked_for_again_gives_every_line_once(eighths: list[int], data: st.DataObject) -> None:
    """Stamps go up but for neighbours that two writers swapped; equal lines at equal stamps are as many as they were."""
    log = stamped(*(1_795_000_000 + eighth / 8 for eighth in sorted(eighths)))
    swap = data.draw(st.integers(0, len(log) - 1))
    log[swap : swap + 2] = log[swap : swap + 2][::-1]
    cut = data.draw(st.integers(0, len(log)))
    first = Stamped()
    out = first.take(b"".join(log[:cut]), None)
    second = Stamped(first.cursor())
    since = second.since if second.since is not None else 0.0
    out += second.take(b"".join(line for line in log if (stamp_of(line) or 0.0) >= since), None)
    swapped = stamp_of(log[swap]) or 0.0
    near = swap + 1 == cut and swapped - (stamp_of(log[min(cut, len(log) - 1)]) or 0.0) > 1.0
    assert near or out == b"".join(log)


def test_a_command_that_tells_its_whole_history_again_is_heard_once() -> None:
    log = stamped(*(1000.0 + second for second in range(10)))
    first = Stamped()
    first.take(b"".join(log[:6]), None)
    second = Stamped(first.cursor())
    assert second.take(b"".join(log), None) == b"".join(log[6:])
    assert second.duplicates == 6


def test_a_cursor_is_bounded() -> None:
    seen = Stamped()
    seen.take(b"".join(f"{asked_from(1000.0 + number / 100_000)} {number}\n".encode() for number in range(5000)), None)
    assert len(json.loads(seen.cursor() or "")["seen"]) == MOST_KEPT
    again = Stamped(seen.cursor())
    assert again.since == pytest.approx(1000.0 + (5000 - MOST_KEPT) / 100_000)


def test_a_container_asks_from_shortly_before_the_newest_line() -> None:
    reading = ContainerReading(MARK, "proxy", None, since=0, passed=lambda: 0.0)
    assert "--since" not in reading.script()
    list(reading.feed(f"\n{MARK} begin 1970-01-01T00:00:30Z\n1970-01-01T00:00:20.250000000Z old\n".encode()))
    new = list(reading.feed(b"1970-01-01T00:00:31.000000000Z new\n"))
    assert [(piece.data, piece.state) for piece in new] == [(b"1970-01-01T00:00:31.000000000Z new\n", "live")]
    again = ContainerReading(MARK, "proxy", new[-1].cursor, since=0, passed=lambda: 0.0)
    assert "s=1970-01-01T00:00:30.000000Z\n" in again.script()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "{}",
        "[]",
        '{"inode": "1; id", "offset": 0, "sampled": 0, "sum": "0"}',
        '{"since": "x", "newest": 1, "seen": []}',
        '{"since": 1e18, "newest": 1e18, "seen": []}',
    ],
)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        FileReading(MARK, "/x", cursor, at_end=True)
    with pytest.raises((ValueError, KeyError, TypeError)):
        CommandReading(MARK, "x", cursor, passed=lambda: 0.0)


CHANGED = """@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key for box has changed and you have requested strict checking.
Host key verification failed."""
SAID = {
    CHANGED: (255, "shows another host key than it used to"),
    "Host key verification failed.": (255, "the host key of box is not known here"),
    "No ED25519 host key is known for box and you have requested strict checking.\nHost key verification failed.": (255, "is not known here"),
    "ops@box: Permission denied (publickey).": (255, "box refuses the login"),
    "Received disconnect from 192.0.2.1 port 22:2: Too many authentication failures": (255, "box refuses the login"),
    "ssh: Could not resolve hostname box: Name or service not known": (255, "box has no address"),
    "ssh: connect to host box port 22: Connection refused": (255, "box refuses connections"),
    "ssh: connect to host box port 22: No route to host": (255, "box cannot be reached"),
    "ssh: connect to host box port 22: Connection timed out": (255, "box cannot be reached"),
    "Timeout, server box not responding.": (255, "went silent"),
    "Connection to box closed by remote host.": (255, "was closed from there"),
    "kex_exchange_identification: read: Connection reset by peer": (255, "was closed from there"),
    "/etc/x: line 1: Bad configuration option: nonsense": (255, "the ssh configuration cannot be used"),
    "sh: 6: docker: not found": (127, "docker: not found: that program is not installed on box"),
    "Got permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock": (1, "may not use docker"),
    "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock": (1, "may not use docker"),
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?": (1, "docker does not run on box"),
    "Error: No such container: proxy": (1, "there is no container proxy on box"),
    "Error response from daemon: No such container: proxy": (1, "there is no container proxy on box"),
    "ls: cannot open '/x': Permission denied\ncannot read /x": (77, "cannot be read"),
    "": (255, "broke, or container proxy was killed there"),
    "Terminated": (3, "container proxy on box ended with status 3 (Terminated)"),
}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[-40:] or "nothing")
def test_what_ssh_and_docker_say_becomes_what_to_do(said: str) -> None:
    status, expected = SAID[said]
    assert expected in trouble_of(status, said.splitlines(), host="box", what="container proxy", begun=True).text


def test_a_command_that_was_refused_something_is_not_taken_for_a_refused_login() -> None:
    trouble = trouble_of(1, ["tail: cannot open '/x' for reading: Permission denied"], host="box", what="the command", begun=True)
    assert (trouble.text, trouble.refused) == (
        "the command on box ended with status 1 (tail: cannot open '/x' for reading: Permission denied)",
        False,
    )
