"""What an engine has taken of its sources, in words that can be stored: enough to bring another engine to the same point. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from connwatch.model.record import Detail, Request, Trouble

__all__ = ["Place", "Taken"]


@dataclass(slots=True)
class Taken:
    """A record as it came out of the parser. `seen_at`: when its line was read, in seconds since the epoch; None for a backlog."""

    source: str
    record: Request | Detail | Trouble
    seen_at: float | None


@dataclass(slots=True)
class Place:
    """Where the reading of a source stands: its counters, the format that was recognised ("auto": none yet), and the paths learnt from it."""

    lines: int = 0
    unparsed: int = 0
    oversized: int = 0
    format: str = "auto"
    learnt: tuple[str, ...] = ()
