"""Numbered changes for any number of readers, of whom none can slow the engine or grow the memory.

Beside them goes what was only just heard: it has no number, and who comes too late for it misses nothing that lasts.

The bus keeps the last changes in one ring. A reader is a position in it: when it falls behind by more than the ring holds it loses the
oldest and is told how many. Positions are written "life-number", so that one from before a restart is recognised and not misread. What
lies before the ring may be kept elsewhere: a reader says which changes it is `missing`, and whoever has them can `give` them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connwatch.model.change import Change
from connwatch.model.heard import Heard

__all__ = ["Bus", "Numbered", "Reader"]


@dataclass(slots=True)
class Numbered:
    """A change and its place. `lost` counts the changes that this reader missed just before it."""

    id: str
    change: Change
    lost: int = 0


class Bus:
    """Holds the last `keep` changes. `life` and `end`, the number that the next change will get, go on where a journal says so."""

    def __init__(self, keep: int = 1024, *, life: str | None = None, end: int = 1) -> None:
        self.life = life or secrets.token_hex(4)
        self.lost = 0  # by all readers together
        self.end = end
        self.closed = False
        self.news = asyncio.Event()  # rings once; then another takes its place
        self._ring: deque[Change | None] = deque(maxlen=keep)  # None: one that cannot be told any more
        self.heard_end = 0
        self._heard: deque[Heard] = deque(maxlen=256)

    def receive(self, changes: Sequence[Change]) -> None:
        """See Sink."""
        if changes:
            self._ring.extend(changes)
            self.end += len(changes)
            self._wake()

    def remember(self, past: Mapping[int, Change]) -> None:
        """Changes from before this bus began, by their numbers; to be called before any reader comes."""
        first = min(past, default=self.end)
        self._ring = deque([past.get(number) for number in range(first, self.end)], maxlen=self._ring.maxlen)

    def hear(self, heard: Sequence[Heard]) -> None:
        """Requests that were read just now."""
        self._heard.extend(heard)
        self.heard_end += len(heard)
        self._wake()

    def heard_since(self, number: int) -> list[Heard]:
        """What was heard after so many had been, as far as it is remembered."""
        fresh = min(self.heard_end - number, len(self._heard))
        return list(self._heard)[len(self._heard) - fresh :]

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

    def at(self, number: int) -> Change | None:
        """A remembered change."""
        return self._ring[number - self.first]

    def _wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


class Reader:
    """A position in the bus."""

    def __init__(self, bus: Bus, at: int, lost: int) -> None:
        self._bus, self._at, self._lost = bus, at, lost
        self._heard_at = bus.heard_end

    def heard(self) -> list[Heard]:
        """What was heard since the last call."""
        fresh = self._bus.heard_since(self._heard_at)
        self._heard_at = self._bus.heard_end
        return fresh

    def take(self) -> Numbered | None:
        """The next change, or None when there is none yet."""
        bus = self._bus
        self._skip_to(bus.first)
        while self._at < bus.end:
            if (found := self._told(bus.at(self._at))) is not None:
                return found
        return None

    def missing(self) -> range:
        """The numbers of the changes that it has not had and that the bus holds no more. The next `take` counts them as lost."""
        return range(self._at, self._bus.first)

    def give(self, number: int, change: Change | None) -> Numbered | None:
        """One of the `missing` from where it is kept, None where it cannot be told any more. The ones before it that were not given are lost."""
        self._skip_to(number)
        return self._told(change)

    def _skip_to(self, number: int) -> None:
        missed = max(number - self._at, 0)
        self._bus.lost += missed
        self._lost += missed
        self._at += missed

    def _told(self, change: Change | None) -> Numbered | None:
        self._at += 1
        if change is None:
            return None
        found = Numbered(f"{self._bus.life}-{self._at - 1}", change, self._lost)
        self._lost = 0
        return found

    def pending(self) -> bool:
        """Whether there is something to take."""
        return self._at < self._bus.end or self._heard_at < self._bus.heard_end

    async def wait(self, seconds: float) -> bool:
        """Wait for news, at most so long. False when there will never be any more."""
        news = self._bus.news
        if self.pending() or self._bus.closed:
            return self.pending()
        try:
            async with asyncio.timeout(seconds):
                await news.wait()
        except TimeoutError:
            return True
        return self.pending() or not self._bus.closed
