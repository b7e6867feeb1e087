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
            scored = []
            for rival in self._rivals(fragment, scorer):
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

    def _rivals(self, fragment: Fragment, scorer: Scorer) -> list[Fragment]:
        """What the fragment may go on with: of the same speaker, if there is any, else the latest that did something fitting."""
        event = fragment.head.event
        kind = fragment.head.kind
        latest = fragment.start + 0.05
        found: list[Fragment] = []
        for other in self.lanes.speaking(lane_of(event)).values():
            if other is not fragment and other.end <= latest and scorer.thinkable(other.tail.kind, kind):
                found.append(other)
                if len(found) >= _CONSIDERED:
                    break
        if found:
            return found
        for before in self._before(kind):
            for other in self.lanes.last_did(before, event.host):
                if other is not fragment and other.end <= latest:
                    found.append(other)
                    if len(found) >= _CONSIDERED:
                        return found
        return found

    def _before(self, kind: str) -> list[str]:
        """The kinds that a step of this kind commonly follows, the commonest first."""
        known = self.habits.common_before.get(kind)
        if known is None:
            common = [(self.tables.p_next(k, kind) / self.tables.p_end(k), k) for k in KINDS]
            known = self.habits.common_before[kind] = [k for odds, k in sorted(common, reverse=True) if odds > 0.3]
        return known
