"""One by one: ties fragments where too many compete for a joint assignment to be affordable. Every look-up is bounded.

A fragment goes on with the oldest open fragment that fits nearly as well as the best one (attempts of one moment seldom overtake each
other). A browser's fragment is judged from both sides where the backend has gone on already: by the pause before it and the
step after it. With rivals nearly as good, the link says that it is ambiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import KINDS
from connwatch.correlate.lanes import Lanes, lane_of
from connwatch.correlate.learn import Habits
from connwatch.correlate.score import Scorer
from connwatch.correlate.tables import Tables
from connwatch.model.event import Link

__all__ = ["Busy"]

_CONSIDERED = 12  # fragments scored for one
_NEARLY = 2.0  # nats within which the oldest is taken
_CLEAR = 3.0  # nats to the next that make a link more than ambiguous
_WORTH = 0.4  # nats above "a new attempt"


@dataclass(slots=True)
class Busy:
    """Links fresh fragments in order of time; `merge` carries a link out."""

    tables: Tables
    habits: Habits
    lanes: Lanes
    merge: Callable[[Fragment, Fragment, Link], None]

    def link(self, fresh: Iterable[Fragment]) -> None:
        """Tie each fragment to what it goes on with, if to anything."""
        scorer = Scorer(self.tables, self.habits)
        before = {kind: [k for k in KINDS if self.tables.p_next(k, kind) > 0.05] for kind in KINDS}
        for fragment in sorted(fresh, key=lambda f: (f.start, f.head.event.serial)):
            if id(fragment) not in self.lanes.live or self.tables.log_begin(fragment.head.kind) > -2.0:
                continue
            scored = []
            for rival in self._rivals(fragment, before[fragment.head.kind]):
                weight = scorer.link(rival, fragment)
                if weight > _WORTH:
                    scored.append((weight, rival))
            if not scored:
                continue
            best = max(weight for weight, _ in scored)
            close = [(rival.end, rival.start, rival) for weight, rival in scored if weight >= best - _NEARLY]
            chosen = min(close, key=lambda row: row[:2])[2]
            rivals = sum(1 for weight, _ in scored if weight >= best - _CLEAR)
            self.merge(chosen, fragment, "inferred" if rivals == 1 else "ambiguous")

    def _rivals(self, fragment: Fragment, kinds: list[str]) -> list[Fragment]:
        found: dict[int, Fragment] = {}
        for other in self.lanes.speaking(lane_of(fragment.head.event)).values():
            if other is not fragment and other.end <= fragment.start + 0.05:
                found[id(other)] = other
                if len(found) >= _CONSIDERED // 2:
                    break
        for kind in kinds:
            for host in (fragment.head.event.host, *(h for h in fragment.hosts if h != fragment.head.event.host)):
                for other in self.lanes.last_did(kind, host):
                    if len(found) >= _CONSIDERED:
                        return list(found.values())
                    if other is not fragment and other.end <= fragment.start + 0.05:
                        found[id(other)] = other
        return list(found.values())
