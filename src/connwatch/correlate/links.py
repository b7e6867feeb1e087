"""The believable links between fragments, as one bipartite graph that is kept up to date while fragments merge.

Scoring is what costs: a pair is scored again only when one of the two has grown, or when the habits were learnt anew. Which links are
believed when is `solve`'s business. Pure and deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.matching import Edges, best_matching, posteriors
from connwatch.correlate.score import Scorer
from connwatch.model.event import Link

__all__ = ["Web", "uncross"]

_MATCHING_BONUS = 1.5  # nats for a link of the best matching
_PAUSE_BONUS = 0.5  # the same where a person stands between: order says little there
_RIVAL = 4.0  # nats within which another link is a rival
_UNCROSS_COST = 4.0  # nats that un-crossing two equal-kind links may cost
_HORIZON = 1800.0  # seconds: nothing is continued after this
_FAR = 7.0  # nats behind the best predecessor at which another one no longer counts
_MAX_CANDIDATES = 16  # predecessors considered for a fragment, the most believable ones
_INFERRED = 0.85  # links surer than this are "inferred" where nobody alike could take either end, others "ambiguous"


class Web:
    """The links between `fragments`, which are ordered by start; those in `begun` (by `id`) continue nothing."""

    def __init__(self, fragments: list[Fragment], scorer: Scorer, begun: Collection[int] = frozenset()) -> None:
        self.fragments = fragments
        self.begun = begun
        self.scorer = scorer
        self.grown = False
        self._before: dict[int, dict[int, float]] = {}  # fragment -> what it could continue -> nats
        self._weighed: list[tuple[int, int, float, bool, bool]] | None = None  # the links of the best matching, while nothing changed
        self.score()

    def score(self) -> None:
        """Score every pair."""
        self.grown = False
        self._weighed = None
        self._before = {}
        lefts = self._by_tail()
        for later in self.fragments:
            self._before[id(later)] = self._row(later, lefts)

    def edges(self, spoken_for: Collection[int] = frozenset()) -> Edges:
        """The links as a bipartite graph over positions in `fragments`, without those from fragments that are `spoken_for` (by `id`)."""
        place = {id(fragment): index for index, fragment in enumerate(self.fragments)}
        edges: Edges = {}
        for right, later in enumerate(self.fragments):
            row = self._before[id(later)]
            if spoken_for:
                row = {left: weight for left, weight in row.items() if left not in spoken_for}
            if not row:
                continue
            least = max(row.values()) - _FAR
            kept = sorted((-weight, place[left]) for left, weight in row.items() if weight >= least)
            for weight, left in kept[:_MAX_CANDIDATES]:
                edges.setdefault(left, {})[right] = -weight
        return edges

    def believe(self, threshold: float, *, pauses: bool) -> bool:
        """Merge the links that are at least this probable, those of people's pauses only if `pauses`. Says whether there were any."""
        if self._weighed is None:
            self._weighed = self._weigh()
        taken = {left: (right, sure) for left, right, p, sure, pause in self._weighed if p >= threshold and (pauses or not pause)}
        if taken:
            self._merge(taken)
        return bool(taken)

    def _weigh(self) -> list[tuple[int, int, float, bool, bool]]:
        """The links of the best matching: left, right, probability, whether that is sure, and whether a person stands between."""
        fragments = self.fragments
        edges = self.edges()
        matching = uncross(best_matching(edges), edges, fragments)
        slow = {(lf, rt) for lf, rt in matching.items() if self.scorer.is_pause(fragments[lf].tail.kind, fragments[rt].head.kind)}
        rivals = _contested(edges)
        doubtful = _doubtful(matching, edges, fragments)
        for left, right in matching.items():
            if (left, right) in rivals:
                edges[left][right] += _PAUSE_BONUS if (left, right) in slow else _MATCHING_BONUS
        probability = posteriors(edges)
        out = []
        for left, right in sorted(matching.items()):
            p = probability[left, right]
            out.append((left, right, p, p >= _INFERRED and left not in doubtful, (left, right) in slow))
        return out

    def _merge(self, taken: dict[int, tuple[int, bool]]) -> None:
        fragments = self.fragments
        led = {right for right, _ in taken.values()}
        grown: list[Fragment] = []
        for index, fragment in enumerate(fragments):
            if index in led or index not in taken:
                continue
            here = index
            while here in taken:
                here, sure = taken[here]
                strength: Link = "inferred" if sure else "ambiguous"
                fragment.merge(fragments[here], strength)
            grown.append(fragment)
        gone = {id(fragments[index]) for index in led}
        self.fragments = sorted((f for f in fragments if id(f) not in gone), key=lambda f: f.place)
        changed = gone | {id(f) for f in grown}
        for key in gone:
            del self._before[key]
        for row in self._before.values():
            for key in changed & row.keys():
                del row[key]
        lefts = self._by_tail()
        for fragment in grown:
            self._before[id(fragment)] = self._row(fragment, lefts)
        new_lefts = _tails(grown)
        for later in self.fragments:
            self._before[id(later)].update(self._row(later, new_lefts))
        self.grown = True
        self._weighed = None

    def _by_tail(self) -> dict[str, list[Fragment]]:
        return _tails(self.fragments)

    def _row(self, later: Fragment, lefts: dict[str, list[Fragment]]) -> dict[int, float]:
        """What `later` could continue, of `lefts`."""
        row: dict[int, float] = {}
        if id(later) in self.begun:
            return row
        start = later.start
        head = later.members[0]
        for before, group in lefts.items():
            if not self.scorer.thinkable(before, head.kind):
                continue
            for earlier in group:
                if earlier.start > start or start - earlier.end > _HORIZON:
                    continue
                # Of one instant the log's own order is all there is; without it two could lead each other, or one itself.
                if earlier.start == start and earlier.members[0].event.serial >= head.event.serial:
                    continue
                if earlier.end == start and earlier.members[-1].event.serial > head.event.serial:
                    continue
                weight = self.scorer.link(earlier, later)
                if weight > 0.0:
                    weight += self.scorer.unfinished(earlier)
                    if weight > 0.0:
                        row[id(earlier)] = weight
        return row


def _tails(fragments: Sequence[Fragment]) -> dict[str, list[Fragment]]:
    rows: dict[str, list[Fragment]] = {}
    for fragment in fragments:
        rows.setdefault(fragment.members[-1].kind, []).append(fragment)
    return rows


def _contested(edges: Edges) -> set[tuple[int, int]]:
    """The links that have a rival nearly as believable: only among rivals does it count to be in the best matching."""
    best_other: dict[int, list[float]] = {}
    for row in edges.values():
        for right, weight in row.items():
            best_other.setdefault(right, []).append(weight)
    out = set()
    for left, row in edges.items():
        strongest = sorted(row.values(), reverse=True)[:2]
        for right, weight in row.items():
            of_right = best_other[right]
            if (len(strongest) > 1 and strongest[1] > weight - _RIVAL) or (len(of_right) > 1 and sorted(of_right, reverse=True)[1] > weight - _RIVAL):
                out.add((left, right))
    return out


def _doubtful(matching: dict[int, int], edges: Edges, fragments: Sequence[Fragment]) -> set[int]:
    """The left ends of links that somebody alike could have instead, at either end: probabilities are too sure of themselves there."""
    before: dict[tuple[int, str], list[float]] = {}
    for left, row in edges.items():
        kind = fragments[left].members[-1].kind
        for right, weight in row.items():
            before.setdefault((right, kind), []).append(weight)
    out = set()
    for left, right in matching.items():
        least = edges[left][right] - _RIVAL
        of_right = before[right, fragments[left].members[-1].kind]
        kind = fragments[right].members[0].kind
        of_left = [weight for other, weight in edges[left].items() if fragments[other].members[0].kind == kind]
        if sum(weight > least for weight in of_right) > 1 or sum(weight > least for weight in of_left) > 1:
            out.add(left)
    return out


def uncross(matching: dict[int, int], edges: Edges, fragments: Sequence[Fragment]) -> dict[int, int]:
    """First in, first out: two links of the same kinds of steps do not cross unless the log says clearly otherwise."""
    lanes: dict[tuple[str, str], list[int]] = {}
    for left, right in matching.items():
        # whether the answer was good was not known yet when the client set out
        lanes.setdefault((fragments[left].tail.kind, fragments[right].head.kind.rstrip("+-")), []).append(left)
    for lane in lanes.values():
        if len(lane) < 2:
            continue
        lane.sort(key=lambda i: (fragments[i].end, i))
        changed, sweeps = True, 0
        while changed and sweeps < 10:
            changed, sweeps = False, sweeps + 1
            for one, two in itertools.pairwise(lane):
                a, b = matching[one], matching[two]
                if fragments[a].start <= fragments[b].start:
                    continue
                straight = edges[one].get(b), edges[two].get(a)
                if straight[0] is None or straight[1] is None:
                    continue
                if edges[one][a] + edges[two][b] - straight[0] - straight[1] < _UNCROSS_COST:
                    matching[one], matching[two] = b, a
                    changed = True
    return matching
