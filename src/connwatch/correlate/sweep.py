"""Groups what cannot belong to an attempt: scanners, monitors, health checks, the operator's own requests.

A sweep is noise of one kind with no pause in it. It is bounded: after a number of events it only counts. Time is event time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connwatch.correlate.fragment import Fragment
from connwatch.model.event import Event

__all__ = ["OVER", "Sweep", "Sweeps"]

PAUSE = 0.6  # seconds without noise that end a sweep
OVER = 5.0  # seconds after which an ended sweep takes in nothing more
_KEPT = 200  # events kept of one sweep
_STRAY = 4  # members: a longer fragment is nobody's stray
_PROGRESS = frozenset({"resource+", "server+", "register+", "authorize+", "token+", "mcp+", "accepted", "stream+", "decision+"})


@dataclass(slots=True)
class Sweep:
    """Noise that came together. `dropped` counts the events that were not kept."""

    noise: str
    events: list[Event]
    start: float
    end: float
    last: float = 0.0  # when the last of them was taken
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
    """The sweeps that are open, one for each host, and those that ended but may still take in strays."""

    _open: dict[str | None, Sweep] = field(default_factory=dict)
    _ended: list[Sweep] = field(default_factory=list)

    def add(self, event: Event, now: float) -> None:
        """Take a noise event at `now`, which never goes back."""
        current = self._open.get(event.host)
        if current is not None and now - current.last > PAUSE:
            self._ended.append(self._open.pop(event.host))
            current = None
        if current is None:
            current = self._open[event.host] = Sweep(event.noise, [], event.started_at, event.at)
        current.last = now
        current.add(event)

    def rest(self, now: float) -> None:
        """End the sweeps that had their pause by `now`."""
        for host in [host for host, sweep in self._open.items() if now - sweep.last > PAUSE]:
            self._ended.append(self._open.pop(host))

    def due(self) -> float | None:
        """When the first of all sweeps is so long over that nothing can belong to it any more."""
        first = min((sweep.last for sweep in (*self._ended, *self._open.values())), default=None)
        return None if first is None else first + OVER

    def take_over(self, until: float) -> list[Sweep]:
        """The sweeps that ended by `until`, final: nothing joins them any more."""
        over = [sweep for sweep in self._ended if sweep.last <= until]
        self._ended = [sweep for sweep in self._ended if sweep.last > until]
        for sweep in over:
            sweep.events.sort(key=lambda event: (event.started_at, event.serial))
        return over

    def absorb(self, fragments: Iterable[Fragment]) -> list[Fragment]:
        """Take in the fragments that are strays: short, nobody's, going nowhere, in the middle of a sweep and from its addresses."""
        taken: list[Fragment] = []
        if not self._ended:
            return taken
        for fragment in fragments:
            if (
                len(fragment.members) > _STRAY
                or fragment.sessions
                or fragment.client is not None
                or any(m.kind in _PROGRESS for m in fragment.members)
            ):
                continue
            homes = [home for m in fragment.members if (home := self._covering(m.event)) is not None]
            if len(homes) == len(fragment.members):
                for home, member in zip(homes, fragment.members, strict=True):
                    home.add(member.event)
                taken.append(fragment)
        return taken

    def _covering(self, event: Event) -> Sweep | None:
        return next((sweep for sweep in self._ended if sweep.covers(event)), None)
