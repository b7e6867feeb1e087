"""A source under its supervisor, and what it has given so far: for tests that tear at what is beneath it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from connwatch.sources.intake import Intake
from connwatch.sources.source import Batch, Gap, Source
from connwatch.sources.supervise import supervise

STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", re.MULTILINE)


class Heap(Protocol):
    """Where everything that comes is put, and where the next run would go on."""

    batches: list[Batch]
    cursors: dict[str, str]


def changes(batches: Sequence[Batch]) -> list[str]:
    """The states in their order, each once where it stayed."""
    told: list[str] = []
    for batch in batches:
        if told[-1:] != [batch.state]:
            told.append(batch.state)
    return told


class Heard:
    """Everything that came, in its order; `cursors` is where to go on."""

    def __init__(self, cursors: dict[str, str] | None = None) -> None:
        self.batches: list[Batch] = []
        self.cursors = dict(cursors or {})

    def lines(self, stream: str) -> list[str]:
        """The lines of a stream, without the engine's stamps."""
        text = b"".join(batch.data for batch in self.batches if batch.stream == stream).decode()
        assert text.endswith("\n") or not text
        assert len(STAMP.findall(text)) == len(text.splitlines()), "a line without its stamp"
        return STAMP.sub("", text).splitlines()

    def states(self) -> list[str]:
        return changes(self.batches)

    def marks(self) -> list[str]:
        """What became known of the program, in its order."""
        return [mark.what for batch in self.batches for mark in batch.marks]

    def gaps(self) -> list[Gap]:
        return [batch.gap for batch in self.batches if batch.gap is not None]


@asynccontextmanager
async def listening(source: Source, heard: Heap) -> AsyncIterator[None]:
    """Reads while the story is told. Afterwards nothing of the source may be left."""
    intake = Intake(lambda _: None)
    before = set(threading.enumerate())

    async def take() -> None:
        while True:
            await intake.filled()
            arrival = await intake.take()
            heard.batches.append(arrival.batch)
            if arrival.batch.cursor is not None:
                heard.cursors[arrival.batch.stream] = arrival.batch.cursor

    tasks = [asyncio.create_task(supervise(source, intake, cursors=dict(heard.cursors), first_pause=0.05)), asyncio.create_task(take())]
    try:
        yield
        for task in tasks:
            assert not task.done() or task.exception() is None, task.exception()
    finally:
        clock = asyncio.get_running_loop().time
        asked = clock()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert clock() - asked < 1, "the source did not end promptly"
    give_up = clock() + 2
    while left := [one for one in set(threading.enumerate()) - before if one.name.startswith("docker")]:
        assert clock() < give_up, f"threads are left: {left}"
        await asyncio.sleep(0.01)
