"""A source of one log, and all that it gives while a test tells its story."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from connwatch.sources.source import Batch, Source
from support.listening import changes, listening


class Followed:
    """What came so far. `cursors` is where a next run would go on."""

    def __init__(self, cursors: dict[str, str]) -> None:
        self.batches: list[Batch] = []
        self.cursors = cursors

    @property
    def lines(self) -> list[str]:
        return b"".join(batch.data for batch in self.batches).decode().splitlines()

    @property
    def states(self) -> list[str]:
        return changes(self.batches)

    @property
    def state(self) -> str:
        return self.batches[-1].state if self.batches else ""


@asynccontextmanager
async def followed(source: Source, cursors: dict[str, str] | None = None) -> AsyncIterator[Followed]:
    """Run the source, restarted soon where it fails, until the story is told. `cursors` is kept up to date."""
    told = Followed({} if cursors is None else cursors)
    async with listening(source, told):
        yield told
