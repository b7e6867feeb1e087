"""When each of very many things is looked at again: by whole seconds of event time, many at a time. Knows nothing of what is looked at.

Nothing stale stays in it: what is moved or dropped leaves at once, so that its size is that of what is waited for.
"""

from __future__ import annotations

import heapq
from math import ceil

__all__ = ["Agenda"]


class Agenda:
    """Keys, each with one second (since the epoch) at which it is due."""

    def __init__(self) -> None:
        self._second: dict[int, int] = {}
        self._rows: dict[int, dict[int, None]] = {}  # second -> keys, in order of entry
        self._seconds: list[int] = []  # those of the rows, as a heap

    def __len__(self) -> int:
        return len(self._second)

    def when(self, key: int) -> int | None:
        """The second at which a key is due; None where it is not waited for."""
        return self._second.get(key)

    def put(self, key: int, when: float) -> None:
        """Look at `key` in the first whole second that is not before `when`, and at no other time."""
        self.drop(key)
        second = self._second[key] = ceil(when)
        row = self._rows.get(second)
        if row is None:
            row = self._rows[second] = {}
            heapq.heappush(self._seconds, second)
        row[key] = None

    def drop(self, key: int) -> None:
        """Look at `key` no more."""
        second = self._second.pop(key, None)
        if second is not None:
            del self._rows[second][key]

    def due(self) -> float:
        """The first second at which anything is due; infinity where nothing is."""
        while self._seconds and not self._rows[self._seconds[0]]:
            del self._rows[heapq.heappop(self._seconds)]
        return self._seconds[0] if self._seconds else float("inf")

    def take(self) -> list[int]:
        """The keys of the first second at which anything is due, which are no longer waited for."""
        self.due()
        if not self._seconds:
            return []
        row = list(self._rows.pop(heapq.heappop(self._seconds)))
        for key in row:
            del self._second[key]
        return row
