"""From fragments to groups: joint assignment, the surest links first, features learnt again after each round.

The method, in order: score every believable "is continued by"; find the best matching and un-cross ties (first in, first out);
believe the surest links, merge, learn the habits of this log again, and repeat with less sure ones. Greedy linking with
the same scores groups far worse, because a link decided too early blocks later evidence. Pure and deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.gather import gather
from connwatch.correlate.learn import Habits
from connwatch.correlate.matching import Edges, best_matching, posteriors
from connwatch.correlate.score import Scorer
from connwatch.correlate.tables import Tables
from connwatch.model.event import Link

__all__ = ["solve"]

_ROUNDS = (0.97, 0.9, 0.8, 0.7, 0.6)
_MATCHING_BONUS = 1.5  # nats for a link of the best matching
_PAUSE_BONUS = 0.5  # the same where a person stands between: order says little there
_COUNTED = 0.6  # probability that something continues a fragment, whichever it is
_RIVAL = 4.0  # nats within which another link is a rival
_UNCROSS_COST = 4.0  # nats that un-crossing two equal-kind links may cost
_HORIZON = 1800.0  # seconds: nothing is continued after this
_MAX_CANDIDATES = 24  # predecessors considered for a fragment, the most believable ones
_INFERRED = 0.85  # links surer than this are "inferred", others "ambiguous"


def solve(fragments: list[Fragment], tables: Tables, kept: float | None = None) -> tuple[list[Fragment], Habits]:
    """Merge fragments into groups; gives them ordered by start, and what was learnt of the log. Links say how sure they are."""
    fragments = sorted(fragments, key=_order)
    habits = Habits.of(fragments, tables, kept)
    if len(fragments) < 2:
        return fragments, habits
    for pauses in (False, True):
        for threshold in _ROUNDS:
            while taken := _round(fragments, Scorer(tables, habits), threshold, pauses=pauses):
                fragments = _merge(fragments, taken)
                habits.relearn(fragments, tables, len(fragments))
    fragments = gather(fragments, Scorer(tables, habits))
    settle_by_counting(fragments, Scorer(tables, habits))
    return fragments, habits


def settle_by_counting(fragments: Sequence[Fragment], scorer: Scorer) -> None:
    """Where several could be continued by several, say that they are, without saying which by which.

    As many tokens as authorizations mean that every authorization got one; one fewer means that one of them did not. The best matching
    counts just so. Its links are not believed (nothing is merged); they only tell what became of the group.
    """
    edges = _edges(fragments, scorer)
    matching = _uncross(best_matching(edges), edges, fragments)
    for fragment in fragments:
        fragment.guess = fragment.guessed_by = None
    somebody: dict[int, float] = {}
    for (left, _), p in posteriors(edges).items():
        somebody[left] = somebody.get(left, 0.0) + p
    for index, fragment in enumerate(fragments):
        right = matching.get(index)
        fragment.guess = fragments[right] if right is not None and somebody.get(index, 0.0) >= _COUNTED else None
        if fragment.guess is not None:
            fragment.guess.guessed_by = fragment


def _order(fragment: Fragment) -> tuple[float, float, tuple[int, int]]:
    return (fragment.start, fragment.end, fragment.head.event.serial)


def _edges(fragments: Sequence[Fragment], scorer: Scorer) -> Edges:
    edges: Edges = {}
    for right, later in enumerate(fragments):
        row: list[tuple[float, int]] = []
        for left in range(len(fragments)):
            earlier = fragments[left]
            if left == right or earlier.start > later.start or later.start - earlier.end > _HORIZON:
                continue
            weight = scorer.link(earlier, later)
            if weight > 0.0:
                row.append((weight, left))
        row.sort(reverse=True)
        for weight, left in row[:_MAX_CANDIDATES]:
            edges.setdefault(left, {})[right] = weight
    return edges


def _round(fragments: Sequence[Fragment], scorer: Scorer, threshold: float, *, pauses: bool) -> list[tuple[int, int, float]]:
    edges = _edges(fragments, scorer)
    if not edges:
        return []
    matching = _uncross(best_matching(edges), edges, fragments)
    slow = {(lf, rt) for lf, rt in matching.items() if scorer.is_pause(fragments[lf].tail.kind, fragments[rt].head.kind)}
    rivals = _contested(edges)
    for left, right in matching.items():
        if (left, right) in rivals:
            edges[left][right] += _PAUSE_BONUS if (left, right) in slow else _MATCHING_BONUS
    probability = posteriors(edges)
    return [(lf, rt, probability[lf, rt]) for lf, rt in sorted(matching.items()) if probability[lf, rt] >= threshold and (pauses or (lf, rt) not in slow)]


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
        lanes.setdefault((fragments[left].tail.kind, fragments[right].head.kind), []).append(left)
    for lane in lanes.values():
        if len(lane) < 2:
            continue
        lane.sort(key=lambda i: (fragments[i].end, i))
        changed, sweeps = True, 0
        while changed and sweeps < 10:
            changed, sweeps = False, sweeps + 1
            for one, two in zip(lane, lane[1:], strict=False):
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


def _merge(fragments: list[Fragment], links: Sequence[tuple[int, int, float]]) -> list[Fragment]:
    following = {left: (right, p) for left, right, p in links}
    led = {right for _, right, _ in links}
    merged: list[Fragment] = []
    for index, fragment in enumerate(fragments):
        if index in led:
            continue
        here = index
        while here in following:
            here, p = following[here]
            strength: Link = "inferred" if p >= _INFERRED else "ambiguous"
            fragment.merge(fragments[here], strength)
        merged.append(fragment)
    merged.sort(key=_order)
    return merged
