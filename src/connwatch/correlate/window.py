"""The window of traffic that is still being decided, and the fragments that are open.

Theory of operation. An event joins an open fragment at once where that is beyond doubt: by an exact key, or because exactly one open
fragment of the same speaker can go on with it (only once this log has shown that its clients keep their addresses). Everything else
begins a fragment of its own, which stays *fresh* until the window is settled: then fresh fragments are tied to what is open, jointly
where few compete, one by one and bounded where very many do. When to settle depends on the events and their times alone,
so that small steps of the clock and one jump decide the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from connwatch.correlate.busy import Busy
from connwatch.correlate.counting import settle_by_counting
from connwatch.correlate.exact import ClientIds
from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import KINDS, class_of, kind_of
from connwatch.correlate.lanes import Lane, Lanes, lane_of
from connwatch.correlate.learn import Habits
from connwatch.correlate.likeness import Alike
from connwatch.correlate.score import Scorer
from connwatch.correlate.solve import solve
from connwatch.correlate.sticky import Stickiness
from connwatch.correlate.tables import Tables
from connwatch.model.event import Event, Link, Stage

__all__ = ["LOOKAHEAD", "PATIENCE", "QUIET", "Window"]

QUIET = 5.0  # seconds without an event after which everything that waits is decided
PATIENCE = 60.0  # seconds that a fragment stays fresh at most
LOOKAHEAD = 5.0  # seconds of what follows that a decision may use, where the window is busy
_FULL = 400  # events between two settlements
_JOINT = 120  # fragments that are assigned jointly; more are assigned one by one
_JOINT_WHEN_BUSY = 80  # the same while events come faster than the window can be looked at in peace
_COUNTED = 300  # open fragments up to which groups are settled by counting where joint assignment was too dear
_FIRST = 120  # fragments that are assigned jointly, whatever it costs, to learn the habits of a log
_TELLING = 20  # fragments from which a settlement teaches the habits of the log
_THINKABLE = 0.02  # P(next | before) under which a predecessor is not looked for
# What one speaker may do next, whatever the counts say: by class. A browser stands between discovery and the token, which is no gap here.
_GOES_ON = {
    "start": ("metadata", "broken"),
    "metadata": ("metadata", "register", "token", "broken"),
    "register": ("token", "broken"),
    "token": ("session", "session-", "broken"),
    "session": ("session", "session-", "token", "broken"),
    "session-": ("session", "session-", "token", "broken"),
    "broken": ("broken",),
    "browser": ("browser",),
}
_STICKY = 0.9  # share of clients that keep their address, above which a speaker is believed to be one client
_FIRST_STEP = -2.0  # log P(an attempt begins with this) above which a step may well be a first one
_AT_THE_DOOR = 1000  # authorization requests remembered whose page may still come
_PAGE_AFTER = 5.0  # seconds: a page with a transaction of its own follows its authorization request within this time
_ONE_SPEAKER = 120.0  # seconds: a pause after which even the same speaker may be somebody else

Key = tuple[str, str]


@dataclass(slots=True)
class Window:
    """Holds the open fragments. `fresh` are those whose beginning is not decided yet."""

    tables: Tables
    lanes: Lanes = field(default_factory=Lanes)
    fresh: dict[int, Fragment] = field(default_factory=dict)
    changed: dict[int, Fragment] = field(default_factory=dict)  # grew since this was last asked
    gone: set[int] = field(default_factory=set)  # merged into another since this was last asked
    newest: float = float("-inf")
    _since: int = 0
    _owner: dict[Key, Fragment] = field(default_factory=dict)
    _home: dict[tuple[int, int], Fragment] = field(default_factory=dict)  # place of an event -> the fragment it was put into
    _ids: ClientIds = field(default_factory=ClientIds)
    _opened: dict[tuple[str | None, str | None, str | None], tuple[float, Fragment]] = field(default_factory=dict)
    _habits: Habits | None = None
    _sticky: Stickiness = field(default_factory=Stickiness)
    _before: dict[str, list[str]] = field(default_factory=dict)
    _natural: dict[str, frozenset[str]] = field(default_factory=dict)

    # events

    def add(self, event: Event) -> None:
        """Take an event; events come in order of time."""
        kind, lane = kind_of(event), lane_of(event)
        begins = self.tables.log_begin(kind) > _FIRST_STEP
        if event.actor != "browser":
            self._sticky.note(lane, kind, event.started_at, self._goes_on, first=begins)
        keys = list(self._ids.exact_keys(event)) if event.keys else []
        home = self._by_key(keys) if keys else None
        if home is None and kind == "page":
            home = self._by_page(event, lane)
        if home is None and not begins:
            home = self._by_speaker(event, lane, kind)
        if home is None:
            home = Fragment.of(event)
            self.fresh[id(home)] = home
            self.lanes.open(home)
        else:
            home.add(event, "exact" if keys else "inferred")
            self.lanes.grew(home, lane)
        if kind == "authorize+":
            self._opened[lane] = (event.at, home)
            if len(self._opened) > _AT_THE_DOOR:
                del self._opened[next(iter(self._opened))]
        for key in keys:
            home = self._own(key, home)
        self._home[event.serial] = home
        self.changed[id(home)] = home
        self._since += 1
        if event.at > self.newest:
            self.newest = event.at

    def touch(self, event: Event) -> None:
        """An event that was taken before has learnt new keys."""
        home = self._home.get(event.serial)
        if home is None:
            return
        while home.part_of is not None:
            home = home.part_of
        if id(home) not in self.lanes.live:
            return
        self._home[event.serial] = home
        home.notice_keys(event)
        self.lanes.grew(home, lane_of(event))
        for key in self._ids.exact_keys(event):
            home = self._own(key, home)
        self.changed[id(home)] = home

    def close(self, fragment: Fragment) -> None:
        """Forget a fragment: it is an attempt that ended."""
        self.lanes.close(fragment)
        self.fresh.pop(id(fragment), None)
        self.changed.pop(id(fragment), None)
        fragment.guessed_by = None  # one step back is enough; a longer chain would keep what ended long ago
        for member in fragment.members:
            self._home.pop(member.event.serial, None)
            for key in member.event.keys:
                if self._owner.get(key) is fragment:
                    del self._owner[key]

    # settling

    def is_full(self) -> bool:
        """Whether the window must be settled before another event comes."""
        return self._since >= _FULL

    def due(self) -> float | None:
        """When the window must be settled if nothing more comes: an instant of event time, or None."""
        if not self.fresh:
            return None
        oldest = next(iter(self.fresh.values()))
        return min(self.newest + QUIET, max(oldest.start + PATIENCE, oldest.end))

    def settle(self, until: float) -> None:
        """Decide what is fresh and ended by `until`; jointly, as far as there is leisure: the traffic paused, or this is the end."""
        affordable = _JOINT if until >= self.newest + QUIET else _JOINT_WHEN_BUSY
        self._since = 0
        ready = [f for f in self.fresh.values() if f.end <= until]
        if not ready:
            return
        if self._habits is None and len(ready) > affordable:
            ready = ready[:_FIRST]  # the habits of this log must be known before anything is decided one by one
            nodes = ready
        else:
            nodes = self._neighbourhood(ready, affordable)
        if len(nodes) <= affordable or self._habits is None:
            self._jointly(nodes, self.newest + (QUIET if affordable == _JOINT else 0.0))
        else:
            Busy(self.tables, self._habits, self.lanes, self._merge).link(ready)
            if affordable == _JOINT:
                self._count()
        for fragment in ready:
            self.fresh.pop(id(fragment), None)

    def _count(self) -> None:
        """What was tied one by one may still be settled by counting: one look at each pair, where there is leisure and not too many are open."""
        if self._habits is not None and len(self.lanes) <= _COUNTED:
            pieces = sorted(self.lanes.live.values(), key=lambda f: f.place)
            settle_by_counting(pieces, Scorer(self.tables, self._habits, self.newest, Alike()), {id(piece) for piece in pieces})

    def _jointly(self, nodes: list[Fragment], heard: float) -> None:
        """Assign all of `nodes` at once, with the log heard until `heard`; the solver merges them, so they leave the indexes meanwhile."""
        for node in nodes:
            self.lanes.close(node)
        before = {id(node): (len(node.members), node.guess, node.counted) for node in nodes}
        begun = {id(node) for node in nodes if id(node) not in self.fresh}
        groups, habits = solve(nodes, self.tables, self._sticky.share(), begun, heard)
        if len(nodes) > _TELLING or self._habits is None:
            self._habits = habits
        for group in groups:
            self.lanes.open(group)
            was = before.pop(id(group))
            if was != (len(group.members), group.guess, group.counted):
                self.changed[id(group)] = group
            if was[0] != len(group.members):
                for member in group.members:
                    for key in self._ids.exact_keys(member.event):
                        self._owner[key] = group
        for merged in before:
            self.fresh.pop(merged, None)
            self.changed.pop(merged, None)
            self.gone.add(merged)

    def _neighbourhood(self, ready: list[Fragment], enough: int) -> list[Fragment]:
        """The fresh fragments, and the open ones that they could continue, join or be continued by."""
        nodes = {id(f): f for f in ready}
        for fragment in ready:
            for other in self._candidates(fragment):
                nodes[id(other)] = other
            if len(nodes) > enough:
                break
        return list(nodes.values())

    def _candidates(self, fragment: Fragment) -> Iterator[Fragment]:
        hosts = {None, *fragment.hosts}
        for kind in self._thinkable(fragment.head.kind):
            for host in hosts:
                yield from self.lanes.last_did(kind, host)
        yield from self.lanes.speaking(lane_of(fragment.head.event)).values()

    def _thinkable(self, after: str) -> list[str]:
        known = self._before.get(after)
        if known is None:
            known = self._before[after] = [kind for kind in KINDS if self.tables.p_next(kind, after) > _THINKABLE]
        return known

    # who owns what

    def _by_key(self, keys: list[Key]) -> Fragment | None:
        for key in keys:
            home = self._owner.get(key)
            if home is not None and id(home) in self.lanes.live:
                return home
        return None

    def _by_page(self, event: Event, lane: Lane) -> Fragment | None:
        """A consent page with a transaction of its own belongs to the authorization request that this browser made just before."""
        if event.stage is not Stage.CONSENT:
            return None
        opened = self._opened.pop(lane, None)
        if opened is None or event.started_at - opened[0] > _PAGE_AFTER or id(opened[1]) not in self.lanes.live:
            return None
        return opened[1]

    def _by_speaker(self, event: Event, lane: Lane, kind: str) -> Fragment | None:
        """The one open fragment of this speaker that a step of this kind goes on with, in a log whose clients keep their addresses."""
        found: Fragment | None = None
        for fragment in self.lanes.speaking(lane).values():
            if event.started_at - fragment.end <= _ONE_SPEAKER and kind in self._goes_on(fragment.members[-1].kind):
                if found is not None:
                    return None
                found = fragment
        if found is None or (self._sticky.share() or 0.0) < _STICKY:
            return None
        if found.sessions and any(k == "session" and v not in found.sessions for k, v in event.keys):
            return None
        return found

    def _goes_on(self, before: str) -> frozenset[str]:
        """The kinds that naturally follow one."""
        known = self._natural.get(before)
        if known is None:
            least, classes = self.tables.p_end(before) * 0.6, _GOES_ON.get(class_of(before), ())
            known = frozenset(after for after in KINDS if self.tables.p_next(before, after) > least or class_of(after) in classes)
            self._natural[before] = known
        return known

    def _own(self, key: Key, fragment: Fragment) -> Fragment:
        other = self._owner.get(key)
        if other is not None and other is not fragment and id(other) in self.lanes.live:
            first, second = (other, fragment) if other.start <= fragment.start else (fragment, other)
            self._merge(first, second, "exact")
            fragment = first
        self._owner[key] = fragment
        return fragment

    def _merge(self, first: Fragment, second: Fragment, link: Link) -> None:
        if first is second or id(first) not in self.lanes.live or id(second) not in self.lanes.live:
            return
        self.lanes.close(second)
        first.merge(second, link)
        self.lanes.took_in(first, second)
        for member in second.members:
            for key in member.event.keys:
                if self._owner.get(key) is second:
                    self._owner[key] = first
        self.fresh.pop(id(second), None)
        self.changed.pop(id(second), None)
        self.gone.add(id(second))
        self.changed[id(first)] = first

    def all_open(self) -> Iterable[Fragment]:
        """Every open fragment."""
        return self.lanes.live.values()
