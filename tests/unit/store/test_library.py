"""The reading side of the state: pages without a hole or a repetition, marks and gaps around a time, and what is said where nothing can be read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed
from connwatch.model.errors import SourceError
from connwatch.model.mark import Gap, Mark
from connwatch.store.journal import Journal
from connwatch.store.library import Choice, Library
from connwatch.store.opening import open_state
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
        (Choice(clients=["CHAT*"]), ["0b11e2d4"]),
        (Choice(servers=["mcp.*"], outcomes=["stalled"]), ["7f3c21a9"]),
        (Choice(since=T + 60), ["0b11e2d4"]),
        (Choice(until=T + 60), ["7f3c21a9"]),
        (Choice(clients=["x' OR 1 --"]), []),
    ],
)
def test_a_choice_narrows_down(tmp_path: Path, choice: Choice, ids: list[str]) -> None:
    assert [one.id for one in kept(tmp_path / "state.db", [the_silence(), connected()]).attempts(choice)] == ids


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
