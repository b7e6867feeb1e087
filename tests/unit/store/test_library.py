"""The reading side of the state: pages without a hole or a repetition, marks and gaps around a time, and what is said where nothing can be read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed
from connwatch.model.errors import SourceError
from connwatch.model.mark import Gap, Mark
from connwatch.model.selection import Selection
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import DamageError, latest_version, open_state
from connwatch.store.turn import Turn
from support.attempts import T, connected, the_silence


def kept(path: Path, attempts: Sequence[Attempt], marks: Sequence[Mark] = (), gaps: Sequence[tuple[str, Gap]] = ()) -> Library:
    """A state file as a daemon leaves it that saw these."""

    async def write() -> None:
        journal = Journal(open_state(path))
        await journal.commit(Turn(T, changes=[Closed(one.ended_at, one) for one in attempts], marks=list(marks), gaps=list(gaps)))
        await journal.close()

    asyncio.run(write())
    return Library.of_file(path)


def test_pages_together_are_the_whole_list_though_many_began_at_one_moment(tmp_path: Path) -> None:
    attempts = [connected(f"{number:08x}") for number in range(23)]
    library = kept(tmp_path / "state.db", [*attempts, the_silence()])
    found: list[str] = []
    after = None
    while page := library.attempts(limit=5, after=after):
        found += [one.id for one in page]
        after = page[-1].started_at, page[-1].id
    assert found == [*(f"{number:08x}" for number in range(22, -1, -1)), the_silence().id]


@pytest.mark.parametrize(
    ("choice", "ids"),
    [
        (Selection(clients=["CHAT*"]), ["0b11e2d4"]),
        (Selection(servers=["mcp.*"], outcomes=["stalled"]), ["7f3c21a9"]),
        (Selection(since=T + 60), ["0b11e2d4"]),
        (Selection(until=T + 60), ["7f3c21a9"]),
        (Selection(clients=["x' OR 1 --"]), []),
    ],
)
def test_a_choice_narrows_down(tmp_path: Path, choice: Selection, ids: list[str]) -> None:
    assert [one.id for one in kept(tmp_path / "state.db", [the_silence(), connected()]).attempts(choice)] == ids


@pytest.mark.parametrize("pattern", ["[!c]*", "[^c]*", "c[!h]*", "[c-d]laude", "[", "c[", "*a[tu]*", "?laude", "CLAUDE", "[]!]*", "*[!e]", "(c.*"])
def test_a_glob_means_what_it_means_in_a_stream(tmp_path: Path, pattern: str) -> None:
    attempts = [the_silence(), connected()]
    found = kept(tmp_path / "state.db", attempts).attempts(Selection(clients=[pattern]))
    assert {one.client for one in found} == {one.client for one in attempts if fnmatchcase(one.client, pattern.lower())}


def test_marks_and_gaps_around_a_time(tmp_path: Path) -> None:
    died, started = Mark(T - 61, "coda-mcp", "died", "exit status 137"), Mark(T + 3, "coda-mcp", "started")
    lost = ("nginx-proxy", Gap("rotated-away", T - 100, T - 50))
    library = kept(tmp_path / "state.db", [], [died, started], [lost, ("nginx-proxy", Gap("cursor", T + 61, T + 62))])
    assert library.marks(T - 60, T + 60) == [started]
    assert library.gaps(T - 60, T + 60) == [lost], "what touches the time is part of it"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist: nothing was recorded there yet"),
        (lambda path: path.write_text("not a database at all, and long enough to be looked at " * 40), "cannot be read"),
        (lambda path: path.touch(), "is no state of connwatch"),
        (lambda path: path.mkdir(), "cannot be read"),
    ],
    ids=["nothing", "something else", "empty", "a folder"],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "state.db")
    with pytest.raises(SourceError, match=words):
        Library.of_file(tmp_path / "state.db")


@pytest.mark.parametrize(("version", "words"), [(1, "was written by a newer connwatch"), (-1, "is of an older version; the daemon brings it up")])
def test_a_file_of_another_version_says_who_can_read_it(tmp_path: Path, version: int, words: str) -> None:
    open_state(tmp_path / "state.db").close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute(f"PRAGMA user_version = {latest_version() + version}")
    with pytest.raises(SourceError, match=words):
        Library.of_file(tmp_path / "state.db")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE attempts SET body = '{}'",
        "UPDATE attempts SET body = CAST(x'61ff62' AS TEXT)",
        "UPDATE meta SET value = 'noon' WHERE name = 'watermark'",
        "UPDATE meta SET value = 'nan' WHERE name = 'watermark'",
    ],
)
def test_a_row_that_cannot_be_read_is_damage(tmp_path: Path, change: str) -> None:
    library = kept(tmp_path / "state.db", [connected()])
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as connection:
        connection.execute(change)
    with pytest.raises(DamageError):
        assert library.attempts() == [] or library.history()


def test_a_file_that_is_gone_is_no_damage(tmp_path: Path) -> None:
    library = kept(tmp_path / "state.db", [])
    for path in tmp_path.glob("state.db*"):
        path.unlink()
    with pytest.raises(SourceError, match="cannot be read") as found:
        library.attempts()
    assert not isinstance(found.value, DamageError)
