"""Numbered changes for any number of readers, of whom none can slow the engine or grow the memory.

The bus keeps the last changes in one ring. A reader is a position in it: when it falls behind by more than the ring holds it loses the
oldest and is told how many. Positions are written "life-number", so that one from before a restart is recognised and not misread.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from connwatch.model.change import Change

__all__ = ["Bus", "Numbered", "Reader"]


@dataclass(slots=True)
class Numbered:
    """A change and its place. `lost` counts the changes that this reader missed just before it."""

    id: str
    change: Change
    lost: int = 0


class Bus:
    """Holds the last `keep` changes."""

    def __init__(self, keep: int = 1024) -> None:
        self.life = secrets.token_hex(4)
        self.lost = 0  # by all readers together
        self.end = 1  # the number that the next change will get
        self.closed = False
        self.news = asyncio.Event()  # rings once; then another takes its place
        self._ring: deque[Change] = deque(maxlen=keep)

    def receive(self, changes: Sequence[Change]) -> None:
        """See Sink."""
        if changes:
            self._ring.extend(changes)
            self.end += len(changes)
            self._wake()

    def close(self) -> None:
        """No more changes will come: readers get what they have not read and then end."""
        self.closed = True
        self._wake()

    def reader(self, after: str | None = None) -> Reader:
        """A new reader: after the given position, or, where there is none, of what comes from now on."""
        if after is None:
            return Reader(self, self.end, 0)
        life, _, number = after.partition("-")
        if life == self.life and number.isascii() and number.isdigit() and len(number) < 20 and int(number) < self.end:
            return Reader(self, int(number) + 1, 0)
        return Reader(self, self.first, 0)  # another life: all that is remembered of this one is news

    @property
    def position(self) -> str:
        """Where a reader that knows everything up to now goes on."""
        return f"{self.life}-{self.end - 1}"

    @property
    def first(self) -> int:
        """The number of the oldest change that is remembered."""
        return self.end - len(self._ring)

    def at(self, number: int) -> Change:
        """A remembered change."""
        return self._ring[number - self.first]

    def _wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class Reader:
    """A position in the bus."""

    def __init__(self, bus: Bus, at: int, lost: int) -> None:
        self._bus, self._at, self._lost = bus, at, lost

    def take(self) -> Numbered | None:
        """The next change, or None when there is none yet."""
        bus = self._bus
        if self._at < bus.first:
            missed = bus.first - self._at
            bus.lost += missed
            self._lost += missed
            self._at = bus.first
        if self._at >= bus.end:
            return None
        found = Numbered(f"{bus.life}-{self._at}", bus.at(self._at), self._lost)
        self._at += 1
        self._lost = 0
        return found

    def pending(self) -> bool:
        """Whether there is something to take."""
        return self._at < self._bus.end

    async def wait(self, seconds: float) -> bool:
        """Wait for news, at most so long. False when there will never be any more."""
        news = self._bus.news
        if self._at < self._bus.end or self._bus.closed:
            return self._at < self._bus.end
        try:
            async with asyncio.timeout(seconds):
                await news.wait()
        except TimeoutError:
            return True
        return self._at < self._bus.end or not self._bus.closed
