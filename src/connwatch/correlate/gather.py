"""What chains cannot hold: side steps and left-overs.

A chain has one predecessor and one successor for each fragment, so a parallel GET, a second 401 or a 400 of version negotiation
is stranded beside it. After the links are made, a short fragment may join a group as a side step, under two rules: it fits
better there than anywhere else together; or it cannot begin an attempt, and exactly one open group fits. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Collection

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import can_begin
from connwatch.correlate.learn import Habits
from connwatch.correlate.score import Scorer
from connwatch.model.event import Link

__all__ = ["gather"]

_SHORT = 3  # members: longer fragments are attempts of their own
_INSIDE_SLACK = 0.5  # seconds after the last member that still count as "inside"
_OPEN_FOR = 120.0  # seconds that a group stays open for what cannot begin an attempt
_ENOUGH = 0.5  # probability at which a side step is taken
_SURE = 0.9  # the same for a fragment that looks like a beginning
_POOL = 0.6  # addresses of linked steps agree less often than this: a pool, addresses prove nothing


def gather(fragments: list[Fragment], scorer: Scorer, begun: Collection[int] = frozenset()) -> list[Fragment]:
    """Join left-overs to the groups they belong to; returns the groups ordered by start. Those in `begun` (by `id`) are no left-overs."""
    order = sorted((f for f in fragments if id(f) not in begun), key=lambda f: (len(f.members), f.start, f.head.event.serial))
    gone: set[int] = set()
    for fragment in order:
        begins = scorer.tables.log_begin(fragment.head.kind)
        homeless = not can_begin(fragment.head.kind) or begins < -5.0
        if len(fragment.members) > _SHORT and not homeless:
            continue
        fits = [g for g in fragments if id(g) not in gone and g is not fragment and _fits(g, fragment, scorer.habits, homeless=homeless)]
        home: Fragment | None = None
        link: Link = "inferred"
        if len(fits) == 1 and (homeless or (begins < -2.0 and fits[0].start <= fragment.start and fragment.end <= fits[0].end)):
            home = fits[0]
            link = "inferred" if _inside(home, fragment) else "ambiguous"
        elif fits:
            weights = [(scorer.insertion(g, fragment, floor=homeless), i) for i, g in enumerate(fits)]
            total = (0.0 if homeless else 1.0) + sum(math.exp(min(w, 30.0)) for w, _ in weights)
            best, which = max(weights, key=lambda row: (row[0], -row[1]))
            if best > -20.0 and math.exp(min(best, 30.0)) / total >= (_SURE if begins > -2.0 else _ENOUGH):
                home, link = fits[which], "ambiguous"
        if home is not None:
            home.merge(fragment, link)
            gone.add(id(fragment))
    left = [f for f in fragments if id(f) not in gone]
    left.sort(key=lambda f: f.place)
    return left


def _inside(group: Fragment, fragment: Fragment) -> bool:
    return group.start <= fragment.start <= group.end + _INSIDE_SLACK


def _fits(group: Fragment, fragment: Fragment, habits: Habits, *, homeless: bool) -> bool:
    if group.start > fragment.start + 0.01 or (not homeless and not _inside(group, fragment)):
        return False
    if fragment.start - group.end > _OPEN_FOR:
        return False
    if group.hosts and fragment.hosts and not group.hosts & fragment.hosts:
        return False
    if group.families and fragment.families and group.families.isdisjoint(fragment.families):
        return False
    kin = not group.families.isdisjoint(fragment.families)  # one vendor may use several programs, and several addresses
    for leg, agent in fragment.agents.items():
        known = group.agents.get(leg)
        if known is not None and known != agent and not kin:
            return False
        if not kin and known is None and leg == "oauth" and agent != "-" and group.agents.get("mcp") not in (None, agent):
            return False
    if habits.same_address["own"] > _POOL:
        if group.browser and fragment.browser and not any(address in group.browser for address in fragment.browser):
            return False
        if not kin and group.backend and fragment.backend and not any(address in group.backend for address in fragment.backend):
            return False
    ended = next((m.event.at for m in reversed(group.members) if m.kind == "close"), None)
    return not (ended is not None and fragment.start > ended + _INSIDE_SLACK)
