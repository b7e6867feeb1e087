"""The loop that owns the engine, with an engine that writes down what it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping

import pytest

from connwatch.daemon.recorder import Recorder
from connwatch.engine import Engine as RealEngine
from connwatch.model.change import Change, Opened
from connwatch.model.errors import SourceError
from connwatch.model.mark import Mark
from connwatch.sources.source import Arrival, Batch, SourceStatus
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import in_memory
from support.attempts import ToldEngine, connected
from support.live import until
from support.said import catalogue


class Engine(ToldEngine):
    """Lines are `TIME text`; the story of what it was told is kept."""

    def __init__(self) -> None:
        super().__init__([connected()])
        self.story: list[str] = []
        self.newest: dict[str, float] = {}
        self.due: float | None = None
        self.last: float | None = None
        self.waiting: list[Change] = []

    def feed(self, source: str, block: bytes, seen_at: float | None = None) -> None:
        self.story.append(f"feed {source} {block.decode().strip()}")
        stamp = block.split()[0] if block.strip() else b""
        if stamp.isdigit():
            self.newest[source] = float(stamp)
        self.last = float(stamp) if stamp.isdigit() else None
        self.waiting.append(Opened(1.0, self.attempts[0]))

    def oldest(self, source: str) -> float | None:
        return self.last

    def frontier(self, source: str) -> float | None:
        return self.newest.get(source)

    def end_source(self, source: str) -> None:
        self.story.append(f"end {source}")

    def advance(self, watermark: float) -> list[Change]:
        if watermark > float("-inf") and (not self.story or self.story[-1] != f"advance {watermark:g}"):
            self.story.append(f"advance {watermark:g}")
        said, self.waiting = self.waiting, []
        return said

    def next_deadline(self) -> float | None:
        return self.due


class Told:
    """A source that gives what it is told to give, then waits for ever unless it ends."""

    def __init__(self, name: str, *batches: Batch | Exception, ends: bool = True) -> None:
        self.name, self.format, self.expected = name, "auto", (name,)
        self.status = SourceStatus()
        self.batches, self.ends = list(batches), ends
        self.starts: list[dict[str, str]] = []
        self.closed = 0

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        self.starts.append(dict(after))
        try:
            while self.batches:
                one = self.batches.pop(0)
                if isinstance(one, Exception):
                    raise one
                yield one
            if not self.ends:
                await asyncio.sleep(3600)
        finally:
            self.closed += 1


class Kept:
    def __init__(self) -> None:
        self.changes: list[Change] = []

    def receive(self, changes: list[Change]) -> None:
        self.changes += changes


def batch(stream: str, text: str, state: str = "catching_up", cursor: str | None = None) -> Batch:
    return Batch(stream, f"{text}\n".encode() if text else b"", 1000.0, state, cursor)  # type: ignore[arg-type]


def test_time_follows_the_source_that_lags_and_the_end_is_the_end_of_time() -> None:
    engine, sink = Engine(), Kept()
    slow = Told("slow", batch("slow", "100 a"), batch("slow", "160 b"))
    quick = Told("quick", batch("quick", "500 c"))
    asyncio.run(Recorder(engine, [slow, quick], [sink], lateness=2, now=lambda: 1000.0, until_end=True).run())
    feeds = [line for line in engine.story if line.startswith("feed")]
    assert sorted(feeds) == ["feed quick 500 c", "feed slow 100 a", "feed slow 160 b"]
    assert {"end slow", "end quick"} <= set(engine.story)
    assert not [line for line in engine.story if line.startswith("advance") and float(line.split()[1]) > 500]
    assert type(sink.changes[-1]).__name__ == "Closed"  # `finish` was called


def test_a_live_source_lets_time_run_with_the_clock() -> None:
    engine = Engine()
    clock = [1000.0]

    async def story() -> None:
        recorder = Recorder(engine, [Told("a", batch("a", "999 x", "live"), ends=False)], [Kept()], lateness=2, now=lambda: clock[0], heartbeat=0.02)
        task = asyncio.create_task(recorder.run())
        await until(lambda: "advance 998" in engine.story)
        clock[0] = 1100.0
        await until(lambda: "advance 1098" in engine.story)
        recorder.stop()
        await task

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_machine_that_slept_reads_before_it_judges() -> None:
    engine = Engine()
    clock = [1000.0]

    async def story() -> None:
        slow = Told("a", batch("a", "999 x", "live"), ends=False)
        recorder = Recorder(engine, [slow], [Kept()], lateness=2, now=lambda: clock[0], heartbeat=0.02)
        task = asyncio.create_task(recorder.run())
        await until(lambda: "advance 998" in engine.story)
        clock[0] = 1100.0
        time.sleep(0.6)  # noqa: ASYNC251 - nothing in this process goes on
        await asyncio.sleep(0.1)
        await recorder._intake.put(Arrival(slow, Batch("a", b"1001 y\n", 1100.0, "live")))  # its reader woke after the loop
        await until(lambda: "feed a 1001 y" in engine.story)
        await asyncio.sleep(0.7)
        assert [line for line in engine.story if line.startswith("advance")][-1] == "advance 999"  # who comes so late may have company
        clock[0] = 1103.0
        await until(lambda: "advance 1101" in engine.story)
        recorder.stop()
        await task

    asyncio.run(asyncio.wait_for(story(), 10))


def test_a_source_that_is_down_holds_time_for_a_minute_and_no_longer(caplog: pytest.LogCaptureFixture) -> None:
    engine = Engine()
    clock = [1000.0]
    down = Told("down", Batch("down", b"", 1000.0, "down"), ends=False)
    down.status.note = "gone"

    async def story() -> None:
        live = Told("a", batch("a", "999 x", "live"), ends=False)
        recorder = Recorder(engine, [live, down], [Kept()], lateness=2, now=lambda: clock[0], heartbeat=0.02)
        engine.unheard = {"not told yet"}
        task = asyncio.create_task(recorder.run())
        await until(lambda: any(line.startswith("feed") for line in engine.story))
        clock[0] = 1050.0
        await asyncio.sleep(0.1)
        assert not any(line.startswith("advance") for line in engine.story)
        clock[0] = 1070.0
        await until(lambda: "advance 1068" in engine.story)
        assert set(recorder.ear.deaf) == {"down"}
        assert engine.unheard <= {"down"}
        assert not recorder.ready()
        recorder.stop()
        await task

    with caplog.at_level("WARNING", "connwatch"):
        asyncio.run(asyncio.wait_for(story(), 10))
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["source down has been unreadable for a minute"]


def test_from_when_to_when_a_source_was_deaf_is_kept() -> None:
    clock = [1000.0]
    journal = Journal(in_memory())
    deaf = Told("deaf", Batch("deaf", b"", 1000.0, "down"), ends=False)
    deaf.status.note = "gone"

    def marks() -> list[Mark]:
        return Library(journal.address).marks(0, 2000)

    async def story() -> None:
        recorder = Recorder(RealEngine(catalogue()), [deaf], [], journal=journal, now=lambda: clock[0], heartbeat=0.02)
        task = asyncio.create_task(recorder.run())
        await until(lambda: deaf.status.state == "down" and deaf.starts != [])
        clock[0] = 1070.0
        await until(lambda: marks() == [Mark(1000.0, "deaf", "unreadable", "gone")])
        await recorder._intake.put(Arrival(deaf, Batch("deaf", b"", 1090.0, "live")))
        clock[0] = 1090.0
        await until(lambda: marks()[1:] == [Mark(1090.0, "deaf", "readable", "after 90 seconds")])
        recorder.stop()
        await task
        assert len(marks()) == 2
        await journal.close()

    asyncio.run(asyncio.wait_for(story(), 20))


def test_stopping_takes_what_was_read_and_leaves_attempts_open() -> None:
    engine, sink = Engine(), Kept()

    async def story() -> None:
        source = Told("a", *(batch("a", f"{n} x", "live") for n in range(30)), ends=False)
        recorder = Recorder(engine, [source], [sink], now=lambda: 1000.0)
        task = asyncio.create_task(recorder.run())
        await until(lambda: source.status.attached)
        recorder.stop()
        await task
        assert source.closed == 1
        fed = sum(line.startswith("feed") for line in engine.story)
        assert fed == 30 - len(source.batches)

    asyncio.run(asyncio.wait_for(story(), 10))
    assert {type(change).__name__ for change in sink.changes} == {"Opened"}


def test_a_failed_source_is_started_again_after_its_last_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connwatch.sources.supervise.supervise.__kwdefaults__", {"cursors": None, "now": lambda: 0.0, "first_pause": 0.01})
    engine = Engine()
    source = Told("a", batch("a", "1 x", cursor="after 1"), SourceError("cut"), batch("a", "2 y", cursor="after 2"))
    asyncio.run(Recorder(engine, [source], [Kept()], now=lambda: 1000.0, until_end=True).run())
    assert source.starts == [{}, {"a": "after 1"}]
    assert [line for line in engine.story if line.startswith("feed")] == ["feed a 1 x", "feed a 2 y"]
    assert source.status.reopened == {"failed": 1}


def test_a_source_that_cannot_heal_is_not_tried_again() -> None:
    source = Told("a", SourceError("is a directory", transient=False))
    asyncio.run(Recorder(Engine(), [source], [Kept()], now=lambda: 1000.0, until_end=True).run())
    assert len(source.starts) == 1
    assert source.status.note == "is a directory"
    assert source.status.state == "down"


def test_an_engine_slower_than_its_sources_bounds_what_waits() -> None:
    engine = Engine()
    source = Told("a", *(batch("a", f"{n} x") for n in range(1000)))

    async def story() -> None:
        recorder = Recorder(engine, [source], [Kept()], now=lambda: 5000.0, until_end=True)
        task = asyncio.create_task(recorder.run())
        worst = 0
        while not task.done():
            worst = max(worst, recorder._intake.count)
            await asyncio.sleep(0)
        assert worst <= 17
        await task

    asyncio.run(story())
    assert sum(line.startswith("feed") for line in engine.story) == 1000


def test_a_busy_engine_lets_others_go_on() -> None:
    """Where very many attempts compete a decision takes a while; who asks for a page or sends lines must not wait for it."""

    class Busy(Engine):
        def advance(self, watermark: float) -> list[Change]:
            if not self.answered and watermark > 0:
                stop = time.monotonic() + 0.5
                while time.monotonic() < stop:
                    sum(range(500))
                self.answered = True
            return super().advance(watermark)

        def is_calm(self, watermark: float) -> bool:
            return False

        answered = False

    engine, beats = Busy(), []

    async def story() -> None:
        recorder = Recorder(engine, [Told("a", batch("a", "999 x", "live"), ends=False)], [Kept()], lateness=2, now=lambda: 1000.0)
        task = asyncio.create_task(recorder.run())
        while not engine.answered:
            await asyncio.sleep(0.005)
            beats.append(time.monotonic())
        recorder.stop()
        await task

    asyncio.run(asyncio.wait_for(story(), 10))
    assert len(beats) > 10
