"""Groups what cannot belong to an attempt: scanners, monitors, health checks, the operator's own requests.

A sweep is noise of one kind with no pause in it. It is bounded: after a number of events it only counts. Time is event time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connwatch.model.event import Event

__all__ = ["Sweep", "Sweeps"]

PAUSE = 0.6  # seconds without noise that end a sweep
_KEPT = 200  # events kept of one sweep


@dataclass(slots=True)
class Sweep:
    """Noise that came together. `dropped` counts the events that were not kept."""

    noise: str
    events: list[Event]
    start: float
    end: float
    dropped: int = 0
    addresses: set[str] = field(default_factory=set)

    def add(self, event: Event) -> None:
        """Take one more event; only a bounded number is kept."""
        self.end = max(self.end, event.at)
        if len(self.events) >= _KEPT:
            self.dropped += 1
            return
        self.events.append(event)
        if event.address:
            self.addresses.add(event.address)

    def covers(self, event: Event) -> bool:
        """Whether the event lies within the sweep's time and comes from one of its addresses."""
        return self.start - PAUSE / 2 <= event.at <= self.end + PAUSE / 2 and (event.address is None or event.address in self.addresses)


@dataclass(slots=True)
class Sweeps:
    """The sweeps that are still open, one for each host."""

    _open: dict[str | None, Sweep] = field(default_factory=dict)

    def add(self, event: Event) -> Sweep | None:
        """Take a noise event in order of time; returns the sweep that it ended, if any."""
        ended = None
        current = self._open.get(event.host)
        if current is not None and event.started_at - current.end > PAUSE:
            ended = self._open.pop(event.host)
            current = None
        if current is None:
            current = self._open[event.host] = Sweep(event.noise, [], event.started_at, event.at)
        current.add(event)
        return ended

    def over(self, now: float) -> list[Sweep]:
        """The sweeps that ended by `now`."""
        ended = [host for host, sweep in self._open.items() if now - sweep.end > PAUSE]
        return [self._open.pop(host) for host in ended]
