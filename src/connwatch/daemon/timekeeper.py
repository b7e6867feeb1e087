"""What time it is for the engine: how far the sources can have read what there was. Knows no source and no engine.

While batches wait, it is the time at which the batch just taken was read; the wall clock counts only when all is taken. Where the loop was held up
(a starved machine, or one that slept), time stands until the sources have had a moment to read what came meanwhile: they may wake after
the loop. So unread lines are never taken for silence.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from connwatch.sources.watermark import HOLD_MAX

__all__ = ["BREATH", "HELD_UP", "Timekeeper"]

_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the one that goes on while a laptop sleeps, where there is one
HELD_UP = 0.25  # seconds by which the loop may wake too late before it is said to have been held up
BREATH = 0.5  # seconds for which time stands then


def _elapsed() -> float:
    return time.clock_gettime(_ELAPSED)


class Timekeeper:
    """`now` gives seconds since the epoch, `elapsed` seconds that only grow. Held up again and again, time stands for HOLD_MAX at most."""

    def __init__(self, now: Callable[[], float], elapsed: Callable[[], float] = _elapsed) -> None:
        self._now, self._elapsed = now, elapsed
        self._time = self._read_at = now()
        self._stands_until = self._free_at = self._due = elapsed()

    def read(self, at: float | None) -> None:
        """A batch was taken that was read at this time."""
        if at is not None:
            self._read_at = min(max(self._read_at, at), self._now())  # what was read before the clock was set back is of now

    def rests(self, seconds: float) -> None:
        """The loop rests now, for so long at most."""
        self._due = self._elapsed() + seconds

    def woke(self) -> None:
        """The rest is over."""
        moment = self._elapsed()
        if moment - self._due > HELD_UP and moment - self._free_at < HOLD_MAX:
            self._stands_until = moment + BREATH

    def stands(self) -> bool:
        """Whether the sources are given a moment now."""
        return self._elapsed() < self._stands_until

    def time(self, *, waiting: bool) -> float:
        """The time, in seconds since the epoch; `waiting`: there are batches that were read and not taken."""
        if waiting:
            self._time = self._read_at
        elif not self.stands():
            self._free_at = self._elapsed()
            self._time = self._now()
        return self._time
