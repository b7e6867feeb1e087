"""Lines with stamps from another machine: where a next run goes on, whatever the stamps say, and what our script asks docker for."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.sources.far import Piece
from connwatch.sources.farcommand import container_script
from connwatch.sources.farlog import CommandReading, ContainerReading
from connwatch.sources.stamped import EARLY_LINES, MOST_AHEAD, MOST_KEPT, Stamped, asked_from, stamp_of

MARK = "connwatch-0123456789abcdef"
NOW = 1_795_000_000.0
YEARS = 70 * 365 * 86400.0


def line(at: float, text: object = "line") -> bytes:
    return f"{asked_from(at)} {text}\n".encode()


def lines(first: int, last: int, *, from_: float = NOW) -> list[bytes]:
    """One a second."""
    return [line(from_ + number, number) for number in range(first, last)]


FORGED = line(NOW + YEARS, "forged")


class There:
    """The other machine: its log, and its clock. A command tells the whole log, a container what was asked for."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.clock = NOW
        self.cursor: str | None = None
        self.gaps: list[str] = []
        self.duplicates = 0

    def command(self, *later: bytes) -> bytes:
        """What a run gives that hears the log and then `later`."""
        return self._run(CommandReading(MARK, "x", self.cursor, passed=lambda: self.clock - NOW), later)

    def container(self, *later: bytes) -> bytes:
        return self._run(ContainerReading(MARK, "app", self.cursor, since=0, passed=lambda: self.clock - NOW), later)

    def _run(self, reading: CommandReading | ContainerReading, later: tuple[bytes, ...]) -> bytes:
        asked = next((word[2:] for word in reading.script().splitlines() if word.startswith("s=")), "")
        asked = min(asked, f"{asked_from(self.clock)}") if asked else ""
        told = [one for one in self.log if not asked or (stamp_of(one) or 0.0) >= (stamp_of(f"{asked} ".encode()) or 0.0)]
        self.log += later
        parts = [f"\n{MARK} begin {asked_from(self.clock)[:19]}Z\n".encode(), *told, *later]
        pieces: list[Piece] = [piece for part in parts for piece in reading.feed(part)]
        self.cursor = next((piece.cursor for piece in reversed(pieces) if piece.cursor), self.cursor)
        self.gaps += [piece.gap for piece in pieces if piece.gap]
        self.duplicates = reading.duplicates
        return b"".join(piece.data for piece in pieces)


@pytest.mark.parametrize("kind", ["command", "container"])
@pytest.mark.parametrize("place", [0, 3, 5], ids=["first", "in between", "last"])
def test_one_stamp_from_the_future_hides_nothing_and_comes_once(kind: str, place: int) -> None:
    there = There()
    log = lines(-5, 0)
    log.insert(place, FORGED)
    run = there.command if kind == "command" else there.container
    assert run(*log) == b"".join(log)
    for minute in (1, 2, 3):  # the link breaks, and while it is down lines are written
        there.clock = NOW + 60 * minute
        missed, later = lines(60 * minute - 20, 60 * minute - 10), lines(60 * minute - 10, 60 * minute)
        there.log += missed
        assert run(*later) == b"".join(missed + later)
    assert there.gaps == []


WRITTEN = st.lists(st.one_of(st.none(), st.integers(-90, 90), st.integers(-100_000, 100_000)), max_size=8)
"""Lines: None for one with the right stamp, else how many seconds away it is."""


@given(st.lists(st.tuples(st.integers(0, 120), WRITTEN, WRITTEN), max_size=6), st.sampled_from(["command", "container"]))
def test_whatever_stamps_are_forged_and_whenever_the_link_breaks_no_line_with_a_right_one_is_lost(
    runs: list[tuple[int, list[int | None], list[int | None]]], kind: str
) -> None:
    there, right, heard = There(), [], b""

    def written(what: list[int | None]) -> list[bytes]:
        made = [line(there.clock + (away or 0), f"{len(there.log)}-{number}-{there.clock}") for number, away in enumerate(what)]
        right.extend(one for one, away in zip(made, what, strict=True) if away is None)
        return made

    for silence, missed, later in runs:
        there.clock += silence
        there.log += written(missed)
        there.clock += 1
        heard += (there.command if kind == "command" else there.container)(*written(later))
    assert [one for one in right if one not in heard] == []


def test_a_forged_stamp_that_lies_before_now_is_found_out_by_the_lines_behind_it() -> None:
    """An hour old log is read: the stamp is no future one, but half an hour ahead of its place."""
    there = There()
    log = lines(-3600, -3590)
    assert there.command(*log[:5], line(NOW - 1800, "forged"), *log[5:]) == b"".join([*log[:5], line(NOW - 1800, "forged"), *log[5:]])
    there.log += lines(-3590, -3500)
    assert there.command() == b"".join(lines(-3590, -3500))


@pytest.mark.parametrize("kind", ["command", "container"])
@pytest.mark.parametrize("many", [10, 100])
def test_a_clock_that_was_wrong_for_a_moment_hides_nothing(kind: str, many: int) -> None:
    there = There()
    run = there.command if kind == "command" else there.container
    run(*lines(-9, 0), *lines(0, many, from_=NOW + 86400), *lines(1, 4))
    there.clock = NOW + 9
    there.log += lines(4, 9)
    assert run() == b"".join(lines(4, 9))
    assert there.gaps == []


def test_a_clock_that_was_set_forward_for_good_is_believed_after_some_lines() -> None:
    there = There()
    there.container(*lines(-9, 0))
    later = lines(0, 2 * EARLY_LINES, from_=NOW + 86400)
    assert there.container(*later) == b"".join(later)
    there.clock = NOW + 86400 + 1000
    there.log += lines(200, 210, from_=NOW + 86400)
    assert there.container() == b"".join(lines(200, 210, from_=NOW + 86400))
    assert there.duplicates <= 2 * EARLY_LINES


@pytest.mark.parametrize("first", [5, 50], ids=["few", "many"])
def test_stamps_that_are_always_ahead_as_of_a_local_time_that_is_called_utc_are_gone_on_from(first: int) -> None:
    there, away = There(), NOW + 7200
    there.command(*lines(-2, 0), *lines(0, first, from_=away))
    for number in range(first, first + 50, 10):
        there.clock = NOW + number + 10
        there.log += lines(number, number + 10, from_=away)
        assert there.command() == b"".join(lines(number, number + 10, from_=away))
    assert there.gaps == []


@pytest.mark.parametrize("kind", ["command", "container"])
@pytest.mark.parametrize("away", [20 * 3600, YEARS], ids=["hours", "years"])
def test_many_stamps_from_the_future_before_the_link_breaks_are_no_more_than_a_gap(kind: str, away: float) -> None:
    there = There()
    run = there.command if kind == "command" else there.container
    run(*lines(-9, 0), *lines(0, 2 * EARLY_LINES, from_=NOW + away))
    there.clock = NOW + 60
    assert run(*lines(60, 70)).endswith(b"".join(lines(60, 70)))
    assert there.gaps == ([] if kind == "command" and away < 86400 else ["clock"])
    there.clock = NOW + 120
    there.log += lines(110, 120)
    assert run().endswith(b"".join(lines(110, 120)))


def heard_again(data: bytes, old: list[bytes]) -> bytes:
    """Without lines that the clock stamped before it was set back: for docker they lie after any new one, and few of them are remembered."""
    return b"".join(one for one in data.splitlines(keepends=True) if one not in old)


def test_a_clock_that_is_set_back_while_we_listen_is_followed() -> None:
    there = There()
    back = lines(0, 20, from_=NOW - 3600)
    assert there.container(*lines(-9, 0), *back) == b"".join([*lines(-9, 0), *back])
    there.clock = NOW - 3600 + 60
    there.log += lines(20, 30, from_=NOW - 3600)
    assert heard_again(there.container(), lines(-9, 0)) == b"".join(lines(20, 30, from_=NOW - 3600))
    assert there.gaps == []


@pytest.mark.parametrize("kind", ["command", "container"])
def test_a_clock_that_was_set_back_while_nobody_listened_is_a_gap_and_what_comes_from_then_on_is_heard(kind: str) -> None:
    there = There()
    run = there.command if kind == "command" else there.container
    run(*lines(-9, 0))
    there.clock = NOW - 3600
    later = lines(0, 20, from_=NOW - 3600)
    assert heard_again(run(*later), lines(-9, 0)) == b"".join(later)
    assert there.gaps == ["clock"]
    there.clock += 60
    there.log += lines(20, 30, from_=NOW - 3600)
    assert heard_again(run(), lines(-9, 0)) == b"".join(lines(20, 30, from_=NOW - 3600))
    assert there.gaps == ["clock"]


def test_a_cursor_of_the_future_is_a_gap_and_a_command_s_lines_all_come() -> None:
    there = There()
    there.cursor = json.dumps({"since": NOW + YEARS - 1, "newest": NOW + YEARS, "seen": []})
    assert there.command(*lines(-60, 0)) == b"".join(lines(-60, 0))
    assert there.gaps == ["clock"]
    assert there.command() == b""


def test_where_the_other_machine_does_not_tell_its_time_stamps_are_believed() -> None:
    reading = CommandReading(MARK, "x", None, passed=lambda: 0.0)
    pieces = list(reading.feed(f"\n{MARK} begin\n".encode() + FORGED))
    assert [(piece.data, piece.gap) for piece in pieces] == [(b"", ""), (FORGED, "")]


def test_a_cursor_stays_bounded_whatever_the_stamps_say() -> None:
    seen = Stamped()
    for number in range(2000):
        seen.take(line(NOW + number / 1000, number) + line(NOW + YEARS + number, number), NOW)
    assert len(seen.cursor() or "") < 40 * (MOST_KEPT + MOST_AHEAD)
    assert seen.since is not None
    assert seen.since <= NOW


SHELLS = [["dash"], ["bash"], ["busybox", "sh"]]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@pytest.mark.parametrize(
    ("since", "asked"),
    [(1_000_000_000.5, "--since 2001-09-09T01:46:40.500000Z"), (4_000_000_000.0, "--since NOW"), (None, "--since NOW"), (0.0, "")],
    ids=["past", "future", "from now", "all"],
)
def test_docker_is_not_asked_for_the_future(tmp_path: Path, shell: list[str], since: float | None, asked: str) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    (tmp_path / "docker").write_text('#!/bin/sh\n[ "$1" = logs ] || exit 0\nshift 3\necho asked "$@"\nexit 1\n')
    (tmp_path / "docker").chmod(0o755)
    command = [*shell, "-c", container_script(MARK, "app", since)]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        told = run.stdout.read().splitlines()
    begin = next(words.split()[2] for words in told if words.startswith(MARK))
    assert " ".join(["asked", *asked.replace("NOW", begin).split(), "-- app"]) in told
