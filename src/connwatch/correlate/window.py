"""The window of traffic that is still being decided, and the chains that are still open.

Events wait until enough of what follows is known; then the window is settled: events are tied to each other and to the open
chains, and what is older than a little lookahead is believed for good. When to settle depends on the events and their
times alone, so that small steps of the clock and one jump decide the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from connwatch.correlate.exact import fragments_of
from connwatch.correlate.fragment import Fragment, Member
from connwatch.correlate.solve import solve
from connwatch.correlate.tables import Tables
from connwatch.model.event import Event

__all__ = ["QUIET", "Window"]

QUIET = 45.0  # seconds without an event after which everything that waits is decided
PATIENCE = 180.0  # seconds that an event waits at most
LOOKAHEAD = 20.0  # seconds of what follows that a decision may use, where the window is busy
_FULL = 400  # events that may wait
_REMEMBERED = 200  # members kept of one chain


@dataclass(slots=True)
class Window:
    """`chains` are decided and open; `waiting` are events not yet decided, in order of time."""

    tables: Tables
    chains: list[Fragment] = field(default_factory=list)
    waiting: list[Event] = field(default_factory=list)
    pieces: list[Fragment] = field(default_factory=list)  # the groups of the last settlement, for counting
    newest: float = float("-inf")

    def add(self, event: Event) -> None:
        """Take an event; events come in order of time."""
        self.waiting.append(event)
        self.newest = max(self.newest, event.at)

    def is_full(self) -> bool:
        """Whether the window must be settled before another event comes."""
        return len(self.waiting) >= _FULL

    def due(self) -> float | None:
        """When the window must be settled if nothing more comes: an instant of event time, or None."""
        if not self.waiting:
            return None
        return min(self.newest + QUIET, self.waiting[0].at + PATIENCE)

    def settle(self, until: float) -> list[Fragment]:
        """Decide what waits; members later than `until` stay undecided. Returns the chains that changed, oldest first."""
        before = {id(chain): len(chain.members) for chain in self.chains}
        groups = solve(fragments_of(self.chains, sorted(self.waiting, key=_start)), self.tables)
        self.pieces = groups
        waiting: list[Event] = []
        self.chains = []
        changed: list[Fragment] = []
        for group in groups:
            later = [m.event for m in group.members if m.event.at > until]
            if later:
                waiting.extend(later)
                group = rebuilt([m for m in group.members if m.event.at <= until])
                if not group.members:
                    continue
            if len(group.members) > _REMEMBERED:
                group = rebuilt([*group.members[: _REMEMBERED // 2], *group.members[-_REMEMBERED // 2 :]])
            self.chains.append(group)
            if before.get(id(group)) != len(group.members):
                changed.append(group)
        self.waiting = sorted(waiting, key=lambda event: (event.at, event.serial))
        return changed

    def close(self, finished: Callable[[Fragment], bool]) -> list[Fragment]:
        """Take out the chains that are finished."""
        out = [chain for chain in self.chains if finished(chain)]
        if out:
            gone = {id(chain) for chain in out}
            self.chains = [chain for chain in self.chains if id(chain) not in gone]
        return out


def rebuilt(members: list[Member]) -> Fragment:
    """A fragment of these members alone, its features gathered anew."""
    if not members:
        return Fragment([], 0.0, 0.0)
    fragment = Fragment([], members[0].event.started_at, members[0].event.at)
    for member in members:
        fragment.add(member.event, member.link)
    return fragment


def _start(event: Event) -> tuple[float, float, tuple[int, int]]:
    return (event.started_at, event.at, event.serial)
