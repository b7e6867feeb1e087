"""The contract of `connwatch.sources.source`, held by every kind of source: each test is one of its sentences.

A kind joins by an adapter, see `adapters.py`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from connwatch.model.errors import SourceError
from connwatch.sources.intake import Intake
from connwatch.sources.source import EVERY_STREAM, Batch, Source
from connwatch.sources.supervise import supervise
from contract.adapters import ADAPTERS, Adapter, Maker, do
from support.live import until


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Adapter]:
    make: Maker = request.param
    with make(tmp_path) as made:
        yield made


class Heard:
    """What one source has given."""

    def __init__(self, source: Source, stream: str) -> None:
        self.source, self.stream = source, stream
        self.batches: list[Batch] = []
        self.task: asyncio.Task[None]

    def lines(self, batches: list[Batch] | None = None) -> list[str]:
        data = b"".join(one.data for one in (self.batches if batches is None else batches) if one.stream == self.stream)
        return [line.rstrip("\r") for line in data.decode().split("\n") if line]

    def states(self) -> list[str]:
        """The states of the stream, each once as it was entered."""
        found: list[str] = []
        for batch in self.batches:
            if batch.stream in (self.stream, EVERY_STREAM) and found[-1:] != [batch.state]:
                found.append(batch.state)
        return found

    def cursors(self) -> list[tuple[int, str]]:
        """Each cursor, and how many lines it stands behind."""
        found = []
        for number, batch in enumerate(self.batches):
            if batch.cursor is not None and batch.stream == self.stream:
                found.append((len(self.lines(self.batches[: number + 1])), batch.cursor))
        return found

    async def read(self, after: Mapping[str, str]) -> None:
        async with aclosing(self.source.stream(after)) as batches:
            async for batch in batches:
                self.batches.append(batch)


@asynccontextmanager
async def reading(adapter: Adapter, after: Mapping[str, str]) -> AsyncIterator[Heard]:
    """A source at work until the block ends."""
    heard = Heard(adapter.source(), adapter.stream)
    heard.task = asyncio.create_task(heard.read(after))
    try:
        yield heard
    finally:
        heard.task.cancel()
        await asyncio.wait({heard.task}, timeout=adapter.seconds)


@asynccontextmanager
async def supervised(adapter: Adapter) -> AsyncIterator[Heard]:
    """A source that is started again when it fails, as the daemon does it."""
    heard = Heard(adapter.source(), adapter.stream)
    intake = Intake(lambda _: None)

    async def take() -> None:
        while True:
            await intake.filled()
            heard.batches.append((await intake.take()).batch)

    heard.task = asyncio.create_task(supervise(heard.source, intake, first_pause=0.02))
    taking = asyncio.create_task(take())
    try:
        yield heard
    finally:
        for task in (heard.task, taking):
            task.cancel()
        await asyncio.gather(heard.task, taking, return_exceptions=True)


def numbered(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last + 1)]


async def come(heard: Heard, lines: list[str], seconds: float) -> None:
    await until(lambda: set(lines) <= set(heard.lines()), seconds)


def play(story: Callable[[], object]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_it_yields_what_is_written_whole_and_in_order_and_goes_on_until_it_is_cancelled(adapter: Adapter) -> None:
    async def story() -> None:
        async with reading(adapter, {}) as heard:
            for first in (1, 4, 7):
                await do(adapter.write, *numbered(first, first + 2))
                await come(heard, numbered(first, first + 2), adapter.seconds)
            assert heard.lines() == numbered(1, 9)
            assert not heard.task.done()

    play(story)


def test_the_lines_of_a_burst_all_come(adapter: Adapter) -> None:
    lines = [f"burst {number:04d} {'x' * 90}" for number in range(600)]

    async def story() -> None:
        async with reading(adapter, {}) as heard:
            await do(adapter.write, *lines)
            await come(heard, lines, adapter.seconds)
            assert heard.lines() == lines

    play(story)


def test_it_starts_after_any_cursor_it_ever_gave_and_loses_nothing(adapter: Adapter) -> None:
    if adapter.no_resume:
        pytest.skip(adapter.no_resume)

    async def story() -> None:
        async with reading(adapter, {}) as heard:
            for first in (1, 4):
                await do(adapter.write, *numbered(first, first + 2))
                await come(heard, numbered(first, first + 2), adapter.seconds)
        await do(adapter.write, *numbered(7, 8))
        cursors = dict(heard.cursors())  # of several behind the same line the last one
        assert max(cursors) == 6
        for read, cursor in sorted(cursors.items(), reverse=True)[:4]:
            async with reading(adapter, {adapter.stream: cursor}) as again:
                await come(again, numbered(read + 1, 8), adapter.seconds)
                came = again.lines()
                assert came == sorted(came), "out of order"
                assert read != 6 or len(came) < 8, "the cursor was of no use"

    play(story)


def test_a_cursor_that_is_garbage_does_not_keep_it_from_reading(adapter: Adapter) -> None:
    if adapter.no_resume:
        pytest.skip(adapter.no_resume)

    async def story() -> None:
        for garbage in ("", "garbage", '{"files": 7}', "[" * 40, "9" * 40):
            await do(adapter.write, f"before {len(garbage)}")
            async with reading(adapter, {adapter.stream: garbage}) as heard:
                await until(lambda heard=heard: "live" in heard.states(), adapter.seconds)
                await do(adapter.write, f"after {len(garbage)}")
                await come(heard, [f"after {len(garbage)}"], adapter.seconds)

    play(story)


def left_behind() -> tuple[set[str], set[str]]:
    threads = {thread.name for thread in threading.enumerate() if not thread.name.startswith("asyncio_")}
    return threads, set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - numbers, not paths


def test_cancelled_at_any_await_it_dies_promptly_and_leaves_neither_task_nor_thread_nor_descriptor(adapter: Adapter) -> None:
    async def story() -> None:
        await do(adapter.write, *numbered(1, 3))
        loop = asyncio.get_running_loop()
        before = left_behind()
        for steps in (0, 1, 2, 3, 5, 8, 40):
            tasks = asyncio.all_tasks()
            heard = Heard(adapter.source(), adapter.stream)
            task = asyncio.create_task(heard.read({}))
            for _ in range(steps):
                await asyncio.sleep(0)
            if steps == 40:
                await until(lambda heard=heard: bool(heard.batches), adapter.seconds)
            asked = loop.time()
            task.cancel()
            await asyncio.wait({task}, timeout=adapter.seconds)
            assert task.done()
            assert loop.time() - asked < 2
            assert asyncio.all_tasks() == tasks
            if adapter.no_resume:  # what was read is gone
                await do(adapter.write, *numbered(1, 3))
            await until(lambda: all(now <= then for now, then in zip(left_behind(), before, strict=True)), 3)

    play(story)


def test_its_states_come_in_the_order_of_what_happens(adapter: Adapter) -> None:
    async def story() -> None:
        async with supervised(adapter) as heard:
            await do(adapter.write, *numbered(1, 3))
            await come(heard, numbered(1, 3), adapter.seconds)
            await until(lambda: heard.states()[-1:] == ["live"], adapter.seconds)
            await do(adapter.cut)
            await until(lambda: heard.states()[-1] in ("down", "ended"), adapter.seconds)
            fallen = heard.states()
            assert "live" in fallen
            assert fallen.index("live") < len(fallen) - 1
            if adapter.no_restore:
                assert fallen[-1] == "ended"
                return
            assert heard.source.status.note
            await do(adapter.restore)
            await do(adapter.write, *numbered(4, 6))
            await come(heard, numbered(4, 6), adapter.seconds)
            await until(lambda: heard.states()[-1] == "live", adapter.seconds)
            assert set(heard.lines()) == set(numbered(1, 6))

    play(story)


def test_what_can_heal_is_a_source_error_or_a_state_and_never_anything_else(adapter: Adapter) -> None:
    async def story() -> None:
        async with reading(adapter, {}) as heard:
            await do(adapter.write, *numbered(1, 2))
            await come(heard, numbered(1, 2), adapter.seconds)
            await do(adapter.cut)
            await until(lambda: heard.task.done() or heard.states()[-1] in ("down", "ended"), adapter.seconds)
            if heard.task.done() and (error := heard.task.exception()) is not None:
                assert isinstance(error, SourceError | OSError)
                assert str(error)

    play(story)


def test_its_figures_agree_with_what_it_gave(adapter: Adapter) -> None:
    async def story() -> None:
        async with supervised(adapter) as heard:
            assert not heard.source.status.attached
            await do(adapter.write, *numbered(1, 5))
            await come(heard, numbered(1, 5), adapter.seconds)
            await until(lambda: heard.states()[-1:] == ["live"], adapter.seconds)
            status = heard.source.status
            assert (status.attached, status.state, status.note) == (True, "live", "")
            assert status.bytes == sum(len(batch.data) for batch in heard.batches)
            assert status.last_read_at is not None
            assert not status.gaps
            assert {batch.stream for batch in heard.batches} - {EVERY_STREAM} >= set(heard.source.expected)

    play(story)


def test_it_says_in_a_sentence_what_it_promises_about_lines(adapter: Adapter) -> None:
    source = adapter.source()
    assert len(source.delivery.split()) > 3
    assert all(name == source.name or name.startswith(f"{source.name}/") for name in source.expected)
