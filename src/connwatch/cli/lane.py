"""A narrow time line on which each request is a bar at its place. Must not know requests.

A human's pause is a thousand times longer than a request, so that a true scale would show two heaps and nothing between. Silences longer than
a second therefore count as one second; the numbers beside the lane tell the truth.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["Lane"]

_LONGEST_SILENCE = 1.0


class Lane:
    """`spans` are (start, end) of everything on the lane, in seconds; `width` is in columns."""

    def __init__(self, spans: Sequence[tuple[float, float]], width: int) -> None:
        self._width = width
        moments = sorted({moment for span in spans for moment in span})
        self._moments = moments
        self._places = [0.0]
        for earlier, later in pairwise(moments):
            self._places.append(self._places[-1] + min(later - earlier, _LONGEST_SILENCE))

    def bar(self, start: float, end: float) -> str:
        """The lane with one bar on it."""
        first = self._column(start)
        last = max(self._column(end), first)
        return " " * first + ("━" * (last - first + 1) if last > first else "╸") + " " * (self._width - last - 1)

    def _column(self, moment: float) -> int:
        index = max(bisect_right(self._moments, moment) - 1, 0)
        longest = self._places[-1] or 1.0
        return min(int(self._places[index] / longest * (self._width - 1)), self._width - 1)
