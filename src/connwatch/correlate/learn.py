"""What one log teaches about itself: who shares addresses, how fast steps follow, how often attempts begin.

Learnt anew for each window from its own events and from the links believed so far, each with a weak prior, so that nothing is
assumed about hosted or local clients, tunnels, pools or load. Pure arithmetic; deterministic for a given order of events.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from connwatch.correlate.fragment import Fragment, Member
from connwatch.correlate.kinds import can_begin, leg_of
from connwatch.correlate.tables import Tables, median
from connwatch.model.event import Stage

__all__ = ["Habits"]

_UNDER_WAY = 0.7  # of the attempts begun in a window one is the one that may go on; that it began says nothing of others
_IDLE = 5.0  # seconds: a longer pause is not active time
_SHIPPED_WEIGHT = 1.0  # how many observed gaps the shipped one is worth
_KEPT_WEIGHT = 100.0  # pairs of steps that the estimate over the whole log is worth
_PRIOR_SAME = {"own": (3.0, 1.0), "cross": (0.5, 1.0)}  # (same, different) pseudo-counts; cross: browser against backend


@dataclass(slots=True)
class Step:
    """What the score of one pair of kinds is made of, but for the gap itself (`score` says how)."""

    base: float
    repeated: float
    theta: float
    peak: float
    short: float
    short_rate: float
    long: float
    long_rate: float


@dataclass(slots=True)
class Habits:
    """The habits of one window of traffic.

    `address_share`, `agent_share`: the share of events that show this address or agent. `same_*[leg pair]`: how often two linked
    steps of those legs showed the same address or /24. `gap[(a, b)]`: typical seconds from a to b. `start_rate`: attempts begun a
    second of active time.
    """

    address_share: dict[str, float] = field(default_factory=dict)
    network_share: dict[str, float] = field(default_factory=dict)
    agent_share: dict[str, float] = field(default_factory=dict)
    upstream_share: dict[str, float] = field(default_factory=dict)
    connection_share: dict[str, float] = field(default_factory=dict)
    same_address: dict[str, float] = field(default_factory=dict)
    same_network: dict[str, float] = field(default_factory=dict)
    same_upstream: float = 0.97
    gap: dict[tuple[str, str], float] = field(default_factory=dict)
    gap_two: dict[tuple[str, str, str], float] = field(default_factory=dict)
    follows: dict[str, Counter[str]] = field(default_factory=dict)
    follows_two: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    spoke: dict[str, Counter[str]] = field(default_factory=dict)  # MCP agent -> agents of the OAuth leg linked to it
    common_ids: frozenset[str] = frozenset()  # client ids of several authorizations, in a log where others have one of their own
    start_rate: float = 0.5
    active: float = 1.0
    kept: float | None = None
    pace: dict[str, float] = field(default_factory=dict)  # typical seconds until something follows a kind
    common_before: dict[str, list[str]] = field(default_factory=dict)
    thinkable: dict[tuple[str, str], bool] = field(default_factory=dict)
    steps: dict[tuple[str, str, str], Step] = field(default_factory=dict)  # for this state of what was learnt
    lessons: int = 0  # how often anything was learnt
    address_terms: dict[tuple[str, str], tuple[float, float, float]] = field(default_factory=dict)  # the same, of legs and addresses

    @classmethod
    def of(cls, fragments: Sequence[Fragment], tables: Tables, kept: float | None = None) -> Habits:
        """First look, before any link is believed beyond exact keys. `kept`: the share of clients that keep their addresses, where it is known."""
        habits = cls(kept=kept)
        members = [m for f in fragments for m in f.members]
        total = max(len(members), 1)
        addresses: Counter[str] = Counter()
        networks: Counter[str] = Counter()
        agents: Counter[str] = Counter()
        upstreams: Counter[str] = Counter()
        connections: Counter[str] = Counter()
        for m in members:
            connections.update(value for kind, value in m.event.keys if kind == "connection")
            if m.event.address:
                addresses[m.event.address] += 1
                networks[network_of(m.event.address)] += 1
            if m.event.agent is not None:
                agents[m.event.agent or "-"] += 1
            if m.event.upstream and m.event.upstream != "-":
                upstreams[m.event.upstream] += 1
        habits.address_share = {a: n / total for a, n in addresses.items()}
        habits.network_share = {a: n / total for a, n in networks.items()}
        named = max(sum(agents.values()), 1)
        habits.agent_share = {a: n / named for a, n in agents.items()}
        habits.connection_share = {c: n / total for c, n in connections.items()}
        reached = max(sum(upstreams.values()), 1)
        habits.upstream_share = {a: n / reached for a, n in upstreams.items()}
        habits.active = _active(sorted(m.event.at for m in members))
        starts = sum(1 for m in members if can_begin(m.kind) and tables.log_begin(m.kind) > -4.0)
        habits.start_rate = (max(0.4 * starts, 1.0) - _UNDER_WAY) / habits.active
        habits.common_ids = _common_ids(members)
        habits.relearn(fragments, tables, groups=None)
        return habits

    def relearn(self, fragments: Iterable[Fragment], tables: Tables, groups: int | None) -> None:
        """Learn from the links inside fragments: addresses that go together, and the pace of this log."""
        self.steps, self.thinkable, self.address_terms = {}, {}, {}
        self.lessons += 1
        same: dict[str, list[float]] = {k: [*_PRIOR_SAME[k]] for k in _PRIOR_SAME}
        if self.kept is not None:
            same["own"] = [1.0 + _KEPT_WEIGHT * self.kept, 0.2 + _KEPT_WEIGHT * (1.0 - self.kept)]
        near: dict[str, list[float]] = {k: [*_PRIOR_SAME[k]] for k in _PRIOR_SAME}
        upstream = [3.0, 0.3]
        gaps: dict[tuple[str, str], list[float]] = {}
        gaps_two: dict[tuple[str, str, str], list[float]] = {}
        self.follows, self.follows_two, self.spoke = defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)
        for fragment in fragments:
            mcp, oauth = fragment.agents.get("mcp"), fragment.agents.get("oauth")
            if mcp is not None and oauth is not None:
                self.spoke[mcp][oauth] += 1
            before = None
            earlier = ""
            for m in fragment.members:
                if before is not None:
                    gap = max(m.event.started_at - before.event.at, 0.001)
                    gaps.setdefault((before.kind, m.kind), []).append(gap)
                    self.follows[before.kind][m.kind] += 1
                    if earlier:
                        gaps_two.setdefault((earlier, before.kind, m.kind), []).append(gap)
                        self.follows_two[earlier, before.kind][m.kind] += 1
                    earlier = before.kind
                    one, two = before.event.address, m.event.address
                    if one and two:
                        pair = "own" if (leg_of(before.kind) == "browser") == (leg_of(m.kind) == "browser") else "cross"
                        same[pair][0 if one == two else 1] += 1
                        if one != two:
                            near[pair][0 if network_of(one) == network_of(two) else 1] += 1
                    if leg_of(before.kind) == leg_of(m.kind) and before.event.upstream and m.event.upstream:
                        upstream[0 if before.event.upstream == m.event.upstream else 1] += 1
                before = m
        self.same_address = {k: v[0] / (v[0] + v[1]) for k, v in same.items()}
        self.same_network = {k: v[0] / (v[0] + v[1]) for k, v in near.items()}
        self.same_upstream = upstream[0] / (upstream[0] + upstream[1])
        for pair_of_kinds, seen in gaps.items():
            self.gap[pair_of_kinds] = _drawn_to(tables.gap(*pair_of_kinds), seen)
        self.pace = _pace(gaps, tables)
        self.gap_two = {three: _drawn_to(tables.gap(three[1], three[2], three[0]), seen) for three, seen in gaps_two.items()}
        if groups is not None:
            self.start_rate = (max(groups, 1) - _UNDER_WAY) / self.active

    def typical(self, earlier: str, before: str, after: str, tables: Tables) -> float:
        """The typical gap in seconds between two steps, with the step before them where it is known: this log's own, or the shipped one."""
        if earlier:
            own = self.gap_two.get((earlier, before, after))
            if own is not None:
                return own
            shipped = tables.gaps_two.get(f"{earlier} {before}")
            if shipped is not None and after in shipped:
                return shipped[after]
        return self.gap.get((before, after)) or tables.gap(before, after)


def _common_ids(members: Sequence[Member]) -> frozenset[str]:
    """The client ids that several authorizations used; none where no authorization had an id of its own (a server with one id for all)."""
    states: dict[str, set[str]] = {}
    for m in members:
        if m.event.stage is Stage.AUTHORIZATION:
            keys = dict(m.event.keys)
            if "client_id" in keys:
                states.setdefault(keys["client_id"], set()).add(keys.get("state") or keys.get("challenge") or str(m.event.serial))
    if all(len(seen) > 1 for seen in states.values()):
        return frozenset()
    return frozenset(name for name, seen in states.items() if len(seen) > 1)


@lru_cache(maxsize=8192)
def network_of(address: str) -> str:
    """The /24 of an IPv4 address, the /48 of an IPv6 one."""
    if ":" in address:
        return ":".join(address.split(":")[:3])
    return address.rpartition(".")[0]


def _pace(gaps: dict[tuple[str, str], list[float]], tables: Tables) -> dict[str, float]:
    """How long it typically takes until something follows: this log's own gaps, and the shipped ones as one observation each."""
    pace = dict(tables.paces)
    own: dict[str, list[float]] = {}
    for (before, _), seen in gaps.items():
        own.setdefault(before, []).extend(seen)
    for before, values in own.items():
        pace[before] = median([*tables.gaps.get(before, {}).values(), *values])
    return pace


def _drawn_to(shipped: float, seen: list[float]) -> float:
    """The median gap seen in this log, drawn towards the shipped one as long as few were seen; both in seconds."""
    weight = len(seen) / (len(seen) + _SHIPPED_WEIGHT)
    return math.exp(weight * math.log(median(seen)) + (1 - weight) * math.log(shipped))


def _active(times: Sequence[float]) -> float:
    active = 1.0
    for one, two in itertools.pairwise(times):
        active += min(two - one, _IDLE)
    return active
