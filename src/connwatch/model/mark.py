"""What happened to a program whose log is read: what an attempt that was broken at that moment is explained by. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Gap", "Mark", "What"]

What = Literal["started", "stopped", "died", "replaced", "removed", "paused", "resumed", "unreadable", "readable", "clock-set-back"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something on the time line of one source. `at` in seconds since the epoch; `detail` is one short sentence or "" (an exit status, an image).

    "replaced": another container (or another image) under the same name. "unreadable", "readable" and "clock-set-back" are about a whole source.
    """

    at: float
    source: str
    what: What
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Lines are known to have been lost between two moments, in seconds since the epoch: silence in between proves nothing.

    `reason` is one of the closed list `GAPS` of `connwatch.sinks.labels`.
    """

    reason: str
    start: float
    end: float
