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

_CONSIDERED = 8  # fragments scored for one
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
        for fragment in sorted(fresh, key=lambda f: (f.start, f.head.event.serial)):
            kind = fragment.head.kind
            if id(fragment) not in self.lanes.live or self.tables.log_begin(kind) > -2.0:
                continue
            scored = [(weight, rival) for rival in self._rivals(fragment, scorer) if (weight := scorer.link(rival, fragment)) > _WORTH]
            if not scored:
                continue
            if len(scored) == 1:
                self.merge(scored[0][1], fragment, "inferred")
                continue
            best = max([weight for weight, _ in scored])
            chosen = min([rival for weight, rival in scored if weight >= best - _NEARLY], key=_when)
            rivals = sum([weight >= best - _CLEAR for weight, _ in scored])
            self.merge(chosen, fragment, "inferred" if rivals == 1 else "ambiguous")

    def _rivals(self, fragment: Fragment, scorer: Scorer) -> list[Fragment]:
        """What the fragment may go on with: of the same speaker, if there is any, else the latest that did something fitting."""
        event = fragment.head.event
        kind = fragment.head.kind
        latest = fragment.start + 0.05
        found: list[Fragment] = []
        for other in self.lanes.speaking(lane_of(event)).values():
            if other.end <= latest and other is not fragment and scorer.thinkable(other.members[-1].kind, kind):
                found.append(other)
                if len(found) >= _CONSIDERED:
                    break
        if found:
            return found
        for before in self._before(kind):
            found += [other for other in self.lanes.last_did(before, event.host) if other.end <= latest and other is not fragment]
            if len(found) >= _CONSIDERED:
                return found[:_CONSIDERED]
        return found

    def _before(self, kind: str) -> list[str]:
        """The kinds that a step of this kind commonly follows, the commonest first."""
        known = self.habits.common_before.get(kind)
        if known is None:
            common = [(self.tables.p_next(k, kind) / self.tables.p_end(k), k) for k in KINDS]
            known = self.habits.common_before[kind] = [k for odds, k in sorted(common, reverse=True) if odds > 0.3]
        return known


def _when(fragment: Fragment) -> tuple[float, float]:
    return fragment.end, fragment.start
