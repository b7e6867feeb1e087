"""From fragments to groups: joint assignment, the surest links first, features learnt again after each round.

The method, in order: score every believable "is continued by"; find the best matching and un-cross ties (first in, first out);
believe the surest links, merge, learn the habits of this log again, and repeat with less sure ones. Greedy linking with
the same scores groups far worse, because a link decided too early blocks later evidence. Pure and deterministic.
"""

from __future__ import annotations

from collections.abc import Collection

from connwatch.correlate.counting import settle_by_counting
from connwatch.correlate.fragment import Fragment
from connwatch.correlate.gather import gather
from connwatch.correlate.learn import Habits
from connwatch.correlate.likeness import Alike
from connwatch.correlate.links import Web
from connwatch.correlate.score import Scorer
from connwatch.correlate.tables import Tables

__all__ = ["solve"]

_ROUNDS = (0.97, 0.9, 0.8, 0.7, 0.6)
_SMALL = 80  # fragments up to which the habits are learnt again after every round
_LESSONS = (_ROUNDS[0], _ROUNDS[-1])  # else only after the surest links, and when all are made


def solve(
    fragments: list[Fragment], tables: Tables, kept: float | None = None, begun: Collection[int] = frozenset(), heard: float = 0.0
) -> tuple[list[Fragment], Habits]:
    """Merge fragments into groups; gives them ordered by start, and what was learnt of the log. Links say how sure they are.

    `kept` is the share of clients that keep their addresses, where it is known; `begun` are the fragments (by `id`) whose beginning was
    decided before: they can be continued, but continue nothing.
    """
    fragments = sorted(fragments, key=lambda f: f.place)
    habits = Habits.of(fragments, tables, kept)
    if len(fragments) < 2:
        return fragments, habits
    web = Web(fragments, Scorer(tables, habits, max(heard, *(fragment.end for fragment in fragments)), Alike()), begun)
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
