"""Whether the clients of this log keep their addresses, told from the log itself.

For each step that can go on with another it is asked whether it goes on with the last step of the same speaker (host, address, agent), and,
as a control, with the last step of another speaker with the same agent. Where clients keep their addresses the first is nearly
always so and the second only by chance; in a pool of addresses both are equally often so. Pure; counts fade.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from connwatch.correlate.lanes import Lane

__all__ = ["Stickiness"]

_ENOUGH = 300  # steps looked at before anything is believed
_FADE = 4000  # steps after which what was seen counts half
_SPEAKERS = 8_000  # speakers remembered
_PAUSE = 120.0  # seconds after which a speaker's last step says nothing


@dataclass(slots=True)
class Stickiness:
    """Counts of steps, and of their controls, that go on with a speaker's last step."""

    own: float = 0.0
    own_all: float = 0.0
    control: float = 0.0
    control_all: float = 0.0
    _last: OrderedDict[Lane, tuple[str, float]] = field(default_factory=OrderedDict)
    _agents: OrderedDict[str | None, Lane] = field(default_factory=OrderedDict)

    def note(self, lane: Lane, kind: str, at: float, goes_on: Callable[[str], Container[str]], *, first: bool) -> None:
        """One step of a client at `at` (seconds); `goes_on` gives the kinds that may follow one, `first` says that this may begin an attempt."""
        last = None if first else self._last.get(lane)
        if last is not None:
            if at - last[1] <= _PAUSE:
                self.own += kind in goes_on(last[0])
                self.own_all += 1.0
            other = self._agents.get(lane[2])
            there = self._last.get(other) if other is not None and other != lane else None
            if there is not None and at - there[1] <= _PAUSE:
                self.control += kind in goes_on(there[0])
                self.control_all += 1.0
        self._last[lane] = (kind, at)
        self._agents[lane[2]] = lane
        if len(self._last) > _SPEAKERS:
            self._last.popitem(last=False)
        if len(self._agents) > _SPEAKERS:
            self._agents.popitem(last=False)
        if self.own_all > _FADE:
            self.own, self.own_all, self.control, self.control_all = self.own / 2, self.own_all / 2, self.control / 2, self.control_all / 2

    def share(self) -> float | None:
        """The share of clients that keep their address from step to step; None while too little was seen."""
        if self.own_all < _ENOUGH:
            return None
        chance = self.control / self.control_all if self.control_all >= 20 else 0.0
        return max(0.0, (self.own / self.own_all - chance) / max(1.0 - chance, 0.05))
