"""In which order waiting messages are due: what is about one alert keeps its order at one target; all else goes its own way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from connwatch.alerts.alert import Entry, Key, Kind, Notice
from connwatch.daemon.postbox import Postbox
from connwatch.daemon.telling import Posted
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import open_state
from connwatch.store.outbox import Outbox
from connwatch.store.turn import Turn
from support.parcels import message

KEY = Key("claude", "mcp.example.org", "session", "token-unused")


class Box:
    """A postbox over a state; `tells` puts a message in and into the journal."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        self.opens()

    def opens(self) -> None:
        self.journal = Journal(open_state(self.path))
        self.box = Postbox(self.journal, Outbox(Library(self.journal.address)), lambda notice: message(notice.kind))

    async def tells(self, kind: Kind, at: float, *alerts: int, targets: tuple[str, ...] = ("phone",)) -> None:
        self.number += 1
        notice = Notice(self.number, at, kind, "high", [Entry(alert, KEY, 1, at, at) for alert in alerts])
        await self.journal.commit(Turn(at, notices=[(notice, list(targets))]))
        self.box.put([Posted(notice, message(kind), list(targets))])

    def due(self, now: float, target: str = "phone") -> list[int]:
        return [parcel.id for parcel in self.box.due(target, now)]

    async def fails(self, number: int, now: float, again_at: float) -> None:
        (parcel,) = [one for one in self.box.due("phone", now) if one.id == number]
        await self.box.failed(parcel, now, "refused the connection", again_at)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path / "state.db")
    yield made
    asyncio.run(made.journal.close())


def test_that_it_works_again_does_not_arrive_before_that_it_stopped(box: Box) -> None:
    async def run() -> None:
        await box.tells("stopped", 0, 7, targets=("phone", "mail"))
        await box.fails(1, 0, again_at=600)
        await box.tells("recovered", 100, 7, 8, targets=("phone", "mail"))
        await box.tells("stopped", 110, 9)
        assert box.due(120) == [3], "what is about another alert does not wait"
        assert box.due(120, "mail") == [1, 2], "another target has nothing to do with it"
        await box.box.sent(box.box.due("phone", 120), 120)
        assert (box.due(599), box.box.next_due("phone")) == ([], 600)
        assert box.due(600) == [1, 2]

    asyncio.run(run())


def test_what_was_given_up_holds_nothing_back(box: Box) -> None:
    async def run() -> None:
        await box.tells("stopped", 0, 7)
        await box.fails(1, 0, again_at=600)
        await box.tells("recovered", 100, 7)
        assert box.due(200) == []
        await box.box.failed(box.box.due("phone", 600)[0], 600, "refused the connection", None)
        assert box.due(600) == [2]

    asyncio.run(run())


def test_the_order_holds_over_a_restart(box: Box) -> None:
    async def run() -> None:
        await box.tells("stopped", 0, 7)
        await box.fails(1, 0, again_at=600)
        await box.tells("recovered", 100, 7)
        await box.journal.close()
        box.opens()
        assert (box.due(200), box.box.next_due("phone")) == ([], 600)
        assert box.due(600) == [1, 2]

    asyncio.run(run())
