"""Totals of what an engine has read and told. Plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Stats"]


@dataclass(slots=True)
class Stats:
    """Totals since the start. `sources` has lines, unparsed and oversized for each source."""

    lines: int = 0
    unparsed: int = 0
    oversized: int = 0
    events: int = 0
    evicted: int = 0
    clients: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    diagnoses: Counter[str] = field(default_factory=Counter)
    links: Counter[str] = field(default_factory=Counter)
    sources: dict[str, dict[str, int]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The object that `replay --stats` prints."""
        return {
            "lines": self.lines,
            "unparsed": self.unparsed,
            "oversized": self.oversized,
            "events": self.events,
            "evicted": self.evicted,
            "attempts": {"client": dict(sorted(self.clients.items())), "outcome": dict(sorted(self.outcomes.items()))},
            "diagnoses": dict(sorted(self.diagnoses.items())),
            "links": dict(sorted(self.links.items())),
            "sources": self.sources,
        }
