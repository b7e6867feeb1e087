"""The clock is set back by an hour while the daemon works, or while it is down: it says so, and goes on at the new time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping

import pytest

from connwatch.daemon.recorder import Recorder
from connwatch.engine import Engine, EngineOptions
from connwatch.sources.source import Batch, SourceStatus
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import open_state
from support.lines import BASE, proxy, story
from support.live import until
from support.said import catalogue

HOUR = 3600.0


class Fed:
    """A live source of one stream, which is given its lines; the cursor counts them."""

    kind, delivery = "fed", "for tests"

    def __init__(self, clock: list[float]) -> None:
        self.name, self.format, self.expected, self.status = "nginx", "auto", ("nginx",), SourceStatus()
        self.clock, self.lines = clock, asyncio.Queue[bytes]()

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        place = int(after.get("nginx", "0"))
        yield Batch("nginx", b"", None, "live", str(place))
        while True:
            text = await self.lines.get()
            place += text.count(b"\n")
            yield Batch("nginx", text, self.clock[0], "live", str(place))


class Told:
    def __init__(self) -> None:
        self.outcomes: list[tuple[str, str]] = []

    def receive(self, changes: list) -> None:  # type: ignore[type-arg]
        self.outcomes += [(type(change).__name__, change.attempt.outcome.value) for change in changes]


async def life(journal: Journal, clock: list[float], lines: list[bytes], done: str) -> Told:
    """A daemon that is given lines, and stopped when it has told of an outcome."""
    told, source = Told(), Fed(clock)
    engine = Engine(catalogue(), EngineOptions(live=True, recording=True), key=b"tests")
    recorder = Recorder(engine, [source], [told], journal=journal, now=lambda: clock[0], heartbeat=0.02)
    task = asyncio.create_task(recorder.run())
    await until(recorder.ready)
    there = engine.stats().lines + sum(text.count(b"\n") for text in lines)
    for text in lines:
        source.lines.put_nowait(text)
    await until(lambda: engine.stats().lines == there)
    clock[0] += 20.0
    await until(lambda: any(outcome == done for _, outcome in told.outcomes))
    recorder.stop()
    await task
    return told


def test_while_it_works(caplog: pytest.LogCaptureFixture, tmp_path) -> None:
    async def lives() -> None:
        clock = [BASE + HOUR + 5]
        journal = Journal(open_state(tmp_path / "state.db"))
        told, source = Told(), Fed(clock)
        engine = Engine(catalogue(), EngineOptions(live=True, recording=True), key=b"tests")
        recorder = Recorder(engine, [source], [told], journal=journal, now=lambda: clock[0], heartbeat=0.02)
        task = asyncio.create_task(recorder.run())
        await until(recorder.ready)
        source.lines.put_nowait(proxy(story(HOUR, until=6)))
        await until(lambda: engine.frontier("nginx") is not None)
        clock[0] += 10
        await until(lambda: ("Opened", "waiting") in told.outcomes)
        clock[0] -= HOUR
        await until(lambda: ("Closed", "blind") in told.outcomes)
        source.lines.put_nowait(proxy(story(15.0)))
        await until(lambda: engine.frontier("nginx") is not None)
        clock[0] += 20
        await until(lambda: any(outcome == "connected" for _, outcome in told.outcomes))
        recorder.stop()
        await task
        await journal.close()

        again = Journal(open_state(tmp_path / "state.db"))
        marks = Library(again.address).marks(0.0, BASE + 2 * HOUR)
        assert [(mark.source, mark.what, mark.detail) for mark in marks] == [("nginx", "clock-set-back", "by 3598 seconds")]
        clock[0] += 10
        later = await life(again, clock, [proxy(story(40.0, "chatgpt"))], "connected")
        assert [what for what, _ in later.outcomes].count("Opened") == 1, "only the new one is news"
        await again.close()

    with caplog.at_level("WARNING", "connwatch"):
        asyncio.run(asyncio.wait_for(lives(), 30))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["the clock was set back by 3598 seconds"]


def test_while_it_is_down(caplog: pytest.LogCaptureFixture, tmp_path) -> None:
    async def lives() -> None:
        clock = [BASE + HOUR + 5]
        journal = Journal(open_state(tmp_path / "state.db"))
        await life(journal, clock, [proxy(story(HOUR))], "connected")
        await journal.close()
        clock[0] -= HOUR
        again = Journal(open_state(tmp_path / "state.db"))
        told = await life(again, clock, [proxy(story(15.0, "chatgpt"))], "connected")
        assert ("Closed", "connected") in told.outcomes, "the one from before is over"
        await again.close()

    with caplog.at_level("WARNING", "connwatch"):
        asyncio.run(asyncio.wait_for(lives(), 30))
    assert "the clock was set back" in caplog.text
