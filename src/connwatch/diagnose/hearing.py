"""Which sources could be heard when an attempt might have gone on. Pure; knows no clock and not why a source was deaf."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from connwatch.model.attempt import Attempt

__all__ = ["Hearing"]

_MOST_GAPS = 100
_HIDDEN = 600.0  # seconds after the last event of an attempt within which a gap may have hidden how it went on


class Hearing:
    """The sources that are deaf now, and the last gaps: sources with the times between which lines of theirs are lost."""

    def __init__(self) -> None:
        self._now: frozenset[str] = frozenset()
        self._gaps: deque[tuple[str, float, float]] = deque(maxlen=_MOST_GAPS)

    def deaf(self, sources: Iterable[str]) -> None:
        """These and no others cannot be heard from now on."""
        self._now = frozenset(sources)

    def missed(self, source: str, start: float, end: float) -> None:
        """Lines of a source between two times, in seconds since the epoch, are lost."""
        self._gaps.append((source, start, end))

    def deaf_to(self, attempt: Attempt) -> frozenset[str]:
        """The sources whose silence proves nothing about this attempt."""
        if not self._gaps:
            return self._now
        end = max(step.event.at for step in attempt.steps)
        return self._now.union(source for source, start, until in self._gaps if until > end and start < end + _HIDDEN)
