"""Exact keys: values that tie events together beyond doubt, and which kinds of values those are.

A `client_id` is exact only where it proved unique: seen in one registration, and not shared by overlapping authorizations (real servers give
everybody the same one, and metadata-document ids are shared by all users of a product). A token's prefix belongs to a user, not
to an attempt, and is no key at all here. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import kind_of
from connwatch.model.event import Event, Stage

__all__ = ["fragments_of", "shared_clients"]

ALWAYS = frozenset({"state", "challenge", "code", "code8", "session", "session8", "transaction", "request_id", "token"})
_PAGE_AFTER = 5.0  # seconds: a page with a transaction of its own follows its authorization request within this time


def shared_clients(events: Iterable[Event]) -> frozenset[str]:
    """The client ids that do not tell attempts apart: never registered here, registered twice, or used by several states."""
    registered: Counter[str] = Counter()
    states: dict[str, set[str]] = {}
    for event in events:
        for kind, value in event.keys:
            if kind != "client_id":
                continue
            if event.stage is Stage.REGISTRATION:
                registered[value] += 1
            elif event.stage is Stage.AUTHORIZATION:
                states.setdefault(value, set()).update(v for k, v in event.keys if k == "state")
    known = set(registered) | set(states)
    return frozenset(c for c in known if registered[c] != 1 or len(states.get(c, ())) > 1)


def fragments_of(chains: Sequence[Fragment], events: Sequence[Event]) -> list[Fragment]:
    """The chains and the events, tied by exact keys. Chains keep their members and grow; events come in order of start."""
    shared = shared_clients([m.event for chain in chains for m in chain.members] + list(events))
    tie = _Tie(shared)
    for chain in chains:
        tie.add_chain(chain)
    for event in events:
        tie.add_event(event)
    return tie.fragments()


class _Tie:
    def __init__(self, shared: frozenset[str]) -> None:
        self._shared = shared
        self._owner: dict[tuple[str, str], Fragment] = {}
        self._alias: dict[int, Fragment] = {}
        self._all: dict[int, Fragment] = {}
        self._opened: dict[tuple[str | None, str | None, str | None], tuple[float, Fragment]] = {}

    def fragments(self) -> list[Fragment]:
        return list(self._all.values())

    def add_chain(self, chain: Fragment) -> None:
        self._all[id(chain)] = chain
        for member in list(chain.members):
            self._own(chain, member.event)

    def add_event(self, event: Event) -> None:
        home = self._home(event)
        if home is None and event.stage is Stage.CONSENT and event.method == "GET":
            opened = self._opened.get((event.host, event.address, event.agent))
            if opened is not None and 0.0 <= event.started_at - opened[0] <= _PAGE_AFTER:
                home = self._now(opened[1])
                del self._opened[event.host, event.address, event.agent]
        if home is None:
            home = Fragment.of(event)
            self._all[id(home)] = home
        else:
            home.add(event, "exact")
            if len(home.members) > 1 and home.members[-2].event.started_at > event.started_at:
                home.members.sort(key=lambda m: (m.event.started_at, m.event.at, m.event.serial))
        if kind_of(event) == "authorize+":
            self._opened[event.host, event.address, event.agent] = (event.at, home)
        self._own(home, event)

    def _home(self, event: Event) -> Fragment | None:
        for key in event.keys:
            if self._exact(key) and key in self._owner:
                return self._now(self._owner[key])
        return None

    def _own(self, fragment: Fragment, event: Event) -> None:
        for key in event.keys:
            if not self._exact(key):
                continue
            other = self._now(self._owner.get(key, fragment))
            fragment = self._now(fragment)
            if other is not fragment:
                first, second = (other, fragment) if other.start <= fragment.start else (fragment, other)
                first.merge(second, "exact")
                self._alias[id(second)] = first
                self._all.pop(id(second), None)
                fragment = first
            self._owner[key] = fragment

    def _exact(self, key: tuple[str, str]) -> bool:
        kind, value = key
        return kind in ALWAYS or (kind == "client_id" and value not in self._shared)

    def _now(self, fragment: Fragment) -> Fragment:
        while id(fragment) in self._alias:
            fragment = self._alias[id(fragment)]
        return fragment
