"""From fragments to groups: joint assignment, the surest links first, features learnt again after each round.

The method, in order: score every believable "is continued by"; find the best matching and un-cross ties (first in, first out);
believe the surest links, merge, learn the habits of this log again, and repeat with less sure ones. Greedy linking with
the same scores groups far worse, because a link decided too early blocks later evidence. Pure and deterministic.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.gather import gather
from connwatch.correlate.learn import Habits
from connwatch.correlate.matching import Edges, best_matching, posteriors
from connwatch.correlate.score import Scorer
from connwatch.correlate.tables import Tables
from connwatch.model.event import Link

__all__ = ["solve"]

_ROUNDS = (0.97, 0.9, 0.8, 0.7, 0.6)
_SMALL = 80  # fragments up to which the habits are learnt again after every round
_LESSONS = (_ROUNDS[0], _ROUNDS[-1])  # else only after the surest links, and when all are made
_MATCHING_BONUS = 1.5  # nats for a link of the best matching
_PAUSE_BONUS = 0.5  # the same where a person stands between: order says little there
_COUNTED = 0.6  # probability that something continues a fragment, whichever it is
_RIVAL = 4.0  # nats within which another link is a rival
_UNCROSS_COST = 4.0  # nats that un-crossing two equal-kind links may cost
_HORIZON = 1800.0  # seconds: nothing is continued after this
_FAR = 7.0  # nats behind the best predecessor at which another one no longer counts
_MAX_CANDIDATES = 16  # predecessors considered for a fragment, the most believable ones
_INFERRED = 0.85  # links surer than this that have no rival are "inferred", others "ambiguous"


def solve(
    fragments: list[Fragment], tables: Tables, kept: float | None = None, begun: Collection[int] = frozenset()
) -> tuple[list[Fragment], Habits]:
    """Merge fragments into groups; gives them ordered by start, and what was learnt of the log. Links say how sure they are.

    `kept` is the share of clients that keep their addresses, where it is known; `begun` are the fragments (by `id`) whose beginning was
    decided before: they can be continued, but continue nothing.
    """
    fragments = sorted(fragments, key=lambda f: f.place)
    habits = Habits.of(fragments, tables, kept)
    if len(fragments) < 2:
        return fragments, habits
    web = Web(fragments, Scorer(tables, habits, max(fragment.end for fragment in fragments)), begun)
    for pauses in (False, True):
        for threshold in _ROUNDS:
            while web.believe(threshold, pauses=pauses):
                pass
            if web.grown and (len(web.fragments) <= _SMALL or threshold in _LESSONS):
                habits.relearn(web.fragments, tables, len(web.fragments))
                web.score()
    fragments = gather(web.fragments, web.scorer, begun)
    settle_by_counting(fragments, web.scorer, begun)
    return fragments, habits


def settle_by_counting(fragments: list[Fragment], scorer: Scorer, begun: Collection[int] = frozenset()) -> None:
    """Where several could be continued by several, say that they are, without saying which by which.

    As many tokens as authorizations mean that every authorization got one; one fewer means that one of them did not. The best matching
    counts just so. Its links are not believed (nothing is merged); they only tell what became of the group. Of those in `begun` (by `id`)
    what was counted before stays, and whoever was left over is counted now.
    """
    for fragment in fragments:
        later = fragment.guess
        if later is not None and id(later) not in begun:
            fragment.guess = later.guessed_by = None
    web = Web(fragments, scorer, {id(fragment) for fragment in fragments if id(fragment) in begun and fragment.guessed_by is not None})
    edges = web.edges({id(fragment) for fragment in fragments if fragment.guess is not None})
    matching = _uncross(best_matching(edges), edges, fragments)
    somebody: dict[int, float] = {}
    for (left, _), p in posteriors(edges).items():
        somebody[left] = somebody.get(left, 0.0) + p
    for left, right in matching.items():
        if somebody.get(left, 0.0) >= _COUNTED:
            fragments[left].guess = fragments[right]
            fragments[right].guessed_by = fragments[left]


class Web:
    """The believable links between fragments, kept up to date while fragments merge.

    Scoring is what costs: a pair is scored again only when one of the two has grown, or when the habits were learnt anew.
    """

    def __init__(self, fragments: list[Fragment], scorer: Scorer, begun: Collection[int] = frozenset()) -> None:
        self.fragments = fragments
        self.begun = begun
        self.scorer = scorer
        self.grown = False
        self._before: dict[int, dict[int, float]] = {}  # fragment -> what it could continue -> nats
        self.score()

    def score(self) -> None:
        """Score every pair."""
        self.grown = False
        self._before = {}
        lefts = self._by_tail()
        for later in self.fragments:
            self._before[id(later)] = self._row(later, lefts)

    def edges(self, spoken_for: Collection[int] = frozenset()) -> Edges:
        """The links as a bipartite graph over positions in `fragments`, without those from fragments that are `spoken_for` (by `id`)."""
        place = {id(fragment): index for index, fragment in enumerate(self.fragments) if id(fragment) not in spoken_for}
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
        fragments = self.fragments
        edges = self.edges()
        if not edges:
            return False
        matching = _uncross(best_matching(edges), edges, fragments)
        slow = {(lf, rt) for lf, rt in matching.items() if self.scorer.is_pause(fragments[lf].tail.kind, fragments[rt].head.kind)}
        rivals = _contested(edges)
        for left, right in matching.items():
            if (left, right) in rivals:
                edges[left][right] += _PAUSE_BONUS if (left, right) in slow else _MATCHING_BONUS
        probability = posteriors(edges)
        taken = {}
        for left, right in sorted(matching.items()):
            p = probability[left, right]
            if p >= threshold and (pauses or (left, right) not in slow):
                taken[left] = (right, p >= _INFERRED and (left, right) not in rivals)
        if taken:
            self._merge(taken)
        return bool(taken)

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


def _uncross(matching: dict[int, int], edges: Edges, fragments: Sequence[Fragment]) -> dict[int, int]:
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
