"""Where sources meet the engine: bounded for each source, and fair in event time.

While backlogs are read, the batch to take next is that of the source whose time is the oldest, so that a log with few lines an hour does
not run days ahead of a busy one and make the engine hold everything between. A full source waits; nothing is dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from connwatch.sources.source import Arrival

__all__ = ["PENDING", "Intake"]

PENDING = 16
"""Batches of at most 128 KiB that wait for each source."""


class Intake:
    """`frontier` gives the newest stamp of a stream, in seconds, or None where it has none (such a stream goes first)."""

    def __init__(self, frontier: Callable[[str], float | None], pending: int = PENDING) -> None:
        self._frontier, self._pending = frontier, pending
        self._waiting: dict[str, deque[Arrival]] = {}
        self._filled = asyncio.Event()
        self._room = asyncio.Condition()
        self.count = 0

    async def put(self, arrival: Arrival) -> None:
        """Hand over a batch, and wait while this source has enough of them waiting. Who is cancelled meanwhile has handed it over."""
        line = self._waiting.setdefault(arrival.source.name, deque())
        line.append(arrival)
        self.count += 1
        self._filled.set()
        if len(line) >= self._pending:
            async with self._room:
                await self._room.wait_for(lambda: len(line) < self._pending)

    async def filled(self) -> None:
        """Wait until there is something to take."""
        await self._filled.wait()

    async def take(self) -> Arrival:
        """The next batch; call only when there is one (`count`)."""
        lines = [line for line in self._waiting.values() if line]
        line = lines[0] if len(lines) == 1 else min(lines, key=lambda one: self._age(one[0].batch.stream))
        arrival = line.popleft()
        self.count -= 1
        if not self.count:
            self._filled.clear()
        if len(line) == self._pending - 1:
            async with self._room:
                self._room.notify_all()
        return arrival

    def _age(self, stream: str) -> float:
        frontier = self._frontier(stream)
        return float("-inf") if frontier is None else frontier
