"""The clock is set back by an hour while the daemon works, or while it is down: it says so, and goes on at the new time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from connwatch.daemon.recorder import Recorder
from connwatch.engine import Engine, EngineOptions
from connwatch.model.selection import Selection
from connwatch.sources.source import Batch, SourceStatus
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import open_state
from support.lines import BASE, proxy, story
from support.live import until
from support.said import catalogue

HOUR = 3600.0


class Log:
    """A live source of one stream, whose lines are written by the test; the cursor counts them. It outlives its readers."""

    kind, delivery = "log", "for tests"

    def __init__(self, clock: list[float]) -> None:
        self.name, self.format, self.expected, self.status = "nginx", "auto", ("nginx",), SourceStatus()
        self.clock, self.lines = clock, list[bytes]()

    def write(self, text: bytes) -> None:
        self.lines += text.splitlines(keepends=True)

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        place = int(after.get("nginx", "0"))
        backlog, place = b"".join(self.lines[place:]), len(self.lines)
        yield Batch("nginx", backlog, None, "live", str(place))
        while True:
            text, place = b"".join(self.lines[place:]), len(self.lines)
            if text:
                yield Batch("nginx", text, self.clock[0], "live", str(place))
            await asyncio.sleep(0.005)


class Told:
    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []

    def receive(self, changes: list) -> None:  # type: ignore[type-arg]
        self.outcomes += [(type(change).__name__, change.attempt.outcome.value) for change in changes]


class Life:
    """A daemon on this log and state."""

    def __init__(self, journal: Journal, log: Log) -> None:
        self.log, self.told = log, Told()
        self.engine = Engine(catalogue(), EngineOptions(live=True, recording=True), key=b"tests")
        self.recorder = Recorder(self.engine, [log], [self.told], journal=journal, now=lambda: log.clock[0], heartbeat=0.02)
        self.task = asyncio.create_task(self.recorder.run())

    async def read(self, text: bytes) -> None:
        self.log.write(text)
        await until(lambda: self.recorder.begun and self.engine.stats().lines == len(self.log.lines))

    async def tells(self, outcome: str) -> None:
        await until(lambda: any(told == outcome for _, told in self.told.outcomes))

    async def stop(self) -> None:
        self.recorder.stop()
        await self.task


def test_while_it_works(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def lives() -> None:
        clock = [BASE + HOUR + 5]
        log, journal = Log(clock), Journal(open_state(tmp_path / "state.db"))
        one = Life(journal, log)
        await one.read(proxy(story(HOUR, until=6)))
        clock[0] += 10
        await one.tells("waiting")
        clock[0] -= HOUR
        await one.tells("blind")
        await one.read(proxy(story(15.0)))
        clock[0] += 20
        await one.tells("connected")
        await one.stop()
        await journal.close()

        journal = Journal(open_state(tmp_path / "state.db"))
        marks = Library(journal.address).marks(0.0, BASE + 2 * HOUR)
        assert [(mark.source, mark.what, mark.detail) for mark in marks] == [("nginx", "clock-set-back", "by 3598 seconds")]
        clock[0] += 10
        two = Life(journal, log)
        await two.read(proxy(story(40.0, "chatgpt")))
        clock[0] += 20
        await two.tells("connected")
        await two.stop()
        assert [what for what, _ in two.told.outcomes].count("Opened") == 1, "only the new one is news"
        await journal.close()

    with caplog.at_level("WARNING", "connwatch"):
        asyncio.run(asyncio.wait_for(lives(), 30))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["the clock was set back by 3598 seconds"]


def test_while_it_is_down(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    async def lives() -> None:
        clock = [BASE + HOUR + 5]
        log, journal = Log(clock), Journal(open_state(tmp_path / "state.db"))
        one = Life(journal, log)
        await one.read(proxy(story(HOUR)))
        clock[0] += 20
        await one.tells("connected")
        await one.stop()
        await journal.close()
        clock[0] -= HOUR
        journal = Journal(open_state(tmp_path / "state.db"))
        two = Life(journal, log)
        await two.read(proxy(story(15.0, "chatgpt")))
        clock[0] += 20
        await until(lambda: ("Opened", "connected") in two.told.outcomes)
        await two.stop()
        assert ("Closed", "connected") in two.told.outcomes, "the one from before is over"
        assert len(Library(journal.address).attempts(Selection(), limit=10)) == 2, "and is not told a second time"
        await journal.close()

    with caplog.at_level("WARNING", "connwatch"):
        asyncio.run(asyncio.wait_for(lives(), 30))
    assert "the clock was set back" in caplog.text


def test_at_a_start_and_right_again_later(tmp_path: Path) -> None:
    """A machine without a battery boots behind, and its clock is put right: nothing of before is told a second time."""

    async def lives() -> None:
        clock = [BASE + HOUR + 5]
        log = Log(clock)
        for step, tells in ((0.0, "waiting"), (-HOUR, "blind"), (HOUR, None)):
            clock[0] += step
            journal = Journal(open_state(tmp_path / "state.db"))
            one = Life(journal, log)
            await one.read(proxy(story(HOUR, until=6)) if not log.lines else b"")
            clock[0] += 10
            if tells is not None:
                await one.tells(tells)
            else:
                await until(lambda one=one: one.recorder._watermark.value(0.0) > BASE + HOUR)
            await one.stop()
            opened = [outcome for what, outcome in one.told.outcomes if what == "Opened"]
            assert opened == (["waiting"] if step == 0 else [])
            await journal.close()

    asyncio.run(asyncio.wait_for(lives(), 30))
