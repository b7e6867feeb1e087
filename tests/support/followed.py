"""A source under its supervisor, and everything it gives, while a test tells its story."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connwatch.sources.intake import Intake
from connwatch.sources.source import Batch, Source
from connwatch.sources.supervise import supervise


class Followed:
    """What came so far. `cursors` is where a next run would go on."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.cursors: dict[str, str] = {}

    @property
    def lines(self) -> list[str]:
        return b"".join(batch.data for batch in self.batches).decode().splitlines()

    @property
    def states(self) -> list[str]:
        """The states in their order, each once where it stayed."""
        told = [batch.state for batch in self.batches]
        return [state for state, before in zip(told, [None, *told], strict=False) if state != before]

    @property
    def state(self) -> str:
        return self.batches[-1].state if self.batches else ""


@asynccontextmanager
async def followed(source: Source, cursors: dict[str, str] | None = None) -> AsyncIterator[Followed]:
    """Run the source, restarted soon where it fails, until the story is told."""
    told = Followed()
    told.cursors = cursors if cursors is not None else {}
    intake = Intake(lambda _: None)

    async def take() -> None:
        while True:
            await intake.filled()
            while intake.count:
                told.batches.append((await intake.take()).batch)

    tasks = [asyncio.create_task(supervise(source, intake, cursors=told.cursors, first_pause=0.05)), asyncio.create_task(take())]
    try:
        yield told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
