"""Puts records back into the order of their time, and spreads one-second stamps over their second.

Sources arrive interleaved as they please; what leaves here depends only on the records themselves. Lines of one source that share a
one-second stamp are spread evenly over that second in file order, because file order is information. Time is an argument.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import floor, inf, isfinite
from operator import attrgetter, itemgetter
from typing import Generic, TypeVar

__all__ = ["Ordered", "Reorder", "latest"]

T = TypeVar("T")

_PLACE, _WHEN = itemgetter(0, 1, 2), itemgetter(0)
_PLACE_OF = attrgetter("at", "source", "line")
_END_OF_SECOND = 0.999_999


def latest(at: float, *, coarse: bool) -> float:
    """The latest instant that a stamp may mean: a coarse one any of its second, so that it is due when the second is over."""
    return floor(at) + _END_OF_SECOND if coarse else at


@dataclass(slots=True)
class Ordered(Generic[T]):
    """A record with its place in time. `at` is seconds since the epoch."""

    at: float
    source: int
    line: int
    item: T


@dataclass(slots=True)
class Reorder(Generic[T]):
    """Holds records until the watermark passes them. `first`: the earliest time at which one of them is due, infinity where none is."""

    first: float = inf
    _due: list[tuple[float, int, int, bool, T]] = field(default_factory=list)
    _coarse: bool = False

    def put(self, at: float, source: int, line: int, item: T, *, coarse: bool) -> None:
        """Take a record: `source` is the index of its source, `line` its first line."""
        if coarse:
            self._coarse = True
        at = latest(at, coarse=coarse)
        if at < self.first:
            self.first = at
        self._due.append((at, source, line, coarse, item))

    def __len__(self) -> int:
        return len(self._due)

    def reach(self, until: float) -> float:
        """How far `take(until)` reaches: whole seconds only, where stamps are no finer."""
        return float(floor(until)) if self._coarse and isfinite(until) else until

    def take(self, until: float) -> list[Ordered[T]]:
        """Everything due by `until`, as far as it reaches, in order of time, then source, then line."""
        if not self._due:
            return []
        until = self.reach(until)
        self._due.sort(key=_PLACE)
        cut = bisect_right(self._due, until, key=_WHEN)
        ready, self._due = self._due[:cut], self._due[cut:]
        self.first = self._due[0][0] if self._due else inf
        if not self._coarse:
            return [Ordered(at, source, line, item) for at, source, line, _, item in ready]
        return self._spread(ready)

    @staticmethod
    def _spread(ready: list[tuple[float, int, int, bool, T]]) -> list[Ordered[T]]:
        seconds: dict[tuple[int, float], list[Ordered[T]]] = {}
        out: list[Ordered[T]] = []
        for at, source, line, coarse, item in ready:
            ordered = Ordered(at, source, line, item)
            out.append(ordered)
            if coarse:
                seconds.setdefault((source, at), []).append(ordered)
        for (_, at), rows in seconds.items():
            start = floor(at)
            for index, row in enumerate(rows):
                row.at = start + (index + 0.5) / len(rows)
        out.sort(key=_PLACE_OF)
        return out
