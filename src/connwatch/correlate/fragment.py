"""A fragment: events that are tied together, and what they show about the client that made them.

Fragments are the unit of the store; links between fragments are what the solver decides. A fragment keeps the
features of its three legs apart (MCP client, OAuth client, browser), because one attempt shows several agents and
addresses, and like must be compared with like. Nothing here scores anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from connwatch.correlate.kinds import Leg, kind_of, leg_of
from connwatch.model.attempt import Step
from connwatch.model.event import Event, Link, Stage

__all__ = ["Fragment", "Member"]

_NOTHING: frozenset[str] = frozenset()
_REMEMBERED = 200  # steps kept of one attempt
_GRANTING = frozenset({Stage.TOKEN, Stage.REFRESH})


@dataclass(slots=True)
class Member(Step):
    """A step inside a fragment: its link says how surely it is tied to the one before it."""

    kind: str


@dataclass(slots=True, eq=False)
class Fragment:
    """Events of one client in order of start. `start` and `end` are seconds since the epoch.

    Thousands may be open, and most show one value of each feature or none: the sets are shared and replaced, never changed.
    """

    members: list[Member]
    start: float
    end: float
    agents: dict[str, str] = field(default_factory=dict)  # leg -> agent last named there
    backend: list[str] = field(default_factory=list)  # addresses of the MCP and OAuth clients, newest last
    browser: list[str] = field(default_factory=list)  # addresses of the browser, newest last
    upstreams: dict[str, str] = field(default_factory=dict)
    client: str | None = None  # family named by an agent or a redirect URI
    redirect_client: str | None = None  # family named by the redirect URI alone
    families: frozenset[str] = _NOTHING  # named by an agent or a redirect, or hinted at by a library's agent
    sessions: frozenset[str] = _NOTHING
    requested: frozenset[str] = _NOTHING  # state and code_challenge of its authorization requests
    tokens: frozenset[str] = _NOTHING  # prefixes of bearer tokens: they tell users apart, not attempts
    connections: frozenset[str] = _NOTHING  # nginx's $connection, as digests
    hosts: frozenset[str] = _NOTHING
    accepted: bool = False  # a notification was: of most clients the one that ends the handshake
    counted: Literal["", "used", "unused"] = ""  # what counting says of its token, where its own lines cannot
    guess: Fragment | None = None  # what continues this, where something does but which of several cannot be told
    guessed_by: Fragment | None = None  # the other direction
    part_of: Fragment | None = None  # what it was merged into

    @classmethod
    def of(cls, event: Event) -> Fragment:
        """The fragment of a single event."""
        fragment = cls([], event.started_at, event.at)
        fragment.add(event, "exact")
        return fragment

    @property
    def head(self) -> Member:
        """The first member."""
        return self.members[0]

    @property
    def before_tail(self) -> str:
        """The kind of the step before the last one, "" where there is none."""
        if len(self.members) > 1:
            return self.members[-2].kind
        return ""

    @property
    def tail(self) -> Member:
        """The last member."""
        return self.members[-1]

    @property
    def place(self) -> tuple[float, float, tuple[int, int]]:
        """Where it stands among others: by start, then end, then place in the logs."""
        return self.start, self.end, self.head.event.serial

    def steps(self) -> list[Step]:
        """What an attempt keeps of its members: of very many the first and the last ones."""
        if len(self.members) <= _REMEMBERED:
            return list(self.members)
        return [*self.members[: _REMEMBERED // 2], *self.members[-_REMEMBERED // 2 :]]

    def shows(self) -> tuple[object, ...]:
        """Everything that is known of the client, as one value to compare."""
        return (
            tuple(self.agents.items()), tuple(self.upstreams.items()), tuple(self.backend), tuple(self.browser), self.client, self.redirect_client,
            self.families, self.sessions, self.requested, self.tokens, self.connections, self.hosts, self.accepted,
        )  # fmt: skip

    def whole(self) -> list[Fragment]:
        """This fragment, with the pieces before and after it that counting puts together."""
        whole = [self]
        while (earlier := whole[0].guessed_by) is not None and earlier not in whole:
            whole.insert(0, earlier)
        return [*whole, *(piece for piece in self.later() if piece not in whole)]

    def later(self) -> list[Fragment]:
        """The pieces after this one, by counting."""
        pieces = [self]
        while (later := pieces[-1].guess) is not None and later not in pieces:
            pieces.append(later)
        return pieces[1:]

    def was_granted(self) -> bool:
        """Whether a token was given in it."""
        return any(one.event.status == 200 and one.event.stage in _GRANTING for one in self.members)

    def add(self, event: Event, link: Link) -> None:
        """Tie one more event to the fragment."""
        kind = kind_of(event)
        members = self.members
        late = bool(members) and members[-1].event.started_at > event.started_at
        members.append(Member(event, link, kind))
        if late:
            members.sort(key=_place)
        self.counted = ""
        if kind == "accepted":
            self.accepted = True
        self._notice(event, leg_of(kind))

    def notice_keys(self, event: Event) -> None:
        """An event that is a member has learnt new keys."""
        for kind, value in event.keys:
            if kind == "session":
                self.sessions = _with(self.sessions, value)
            elif kind in ("state", "challenge"):
                self.requested = _with(self.requested, value)
            elif kind == "token8":
                self.tokens = _with(self.tokens, value)
            elif kind == "connection":
                self.connections = _with(self.connections, value)

    def _notice(self, event: Event, leg: Leg) -> None:
        if event.started_at < self.start:
            self.start = event.started_at
        if event.at > self.end:
            self.end = event.at
        if event.actor == "browser":
            leg = "browser"
        elif leg == "browser" and event.actor == "backend":
            leg = "oauth"
        if event.agent is not None and leg not in self.agents:
            self.agents[leg] = event.agent or "-"
        address, upstream = event.address, event.upstream
        if address:
            known = self.browser if leg == "browser" else self.backend
            if not known or known[-1] != address:
                _renew(known, address)
        if upstream and upstream != "-" and leg not in self.upstreams:
            self.upstreams[leg] = upstream
        if event.client is not None:
            if event.redirect_host is not None:
                self.redirect_client = self.redirect_client or event.client
            self.client = self.client or event.client
            if event.client not in self.families:
                self.families = _with(self.families, event.client)
        if event.hint is not None and event.hint not in self.families:
            self.families = _with(self.families, event.hint)
        if event.keys:
            self.notice_keys(event)
        if event.host and event.host not in self.hosts:
            self.hosts = _with(self.hosts, event.host)

    def merge(self, other: Fragment, link: Link) -> None:
        """Take the members of `other`. The link of its first member becomes `link`; the rest keep theirs."""
        other.part_of = self
        self.counted = ""
        first = other.members[0]
        first.link = weaker(first.link, link)
        in_order = _place(self.members[-1]) <= _place(first)
        self.members.extend(other.members)
        if not in_order:
            self.members.sort(key=_place)
        self.start = min(self.start, other.start)
        self.end = max(self.end, other.end)
        for leg, agent in other.agents.items():
            self.agents.setdefault(leg, agent)
        for leg, upstream in other.upstreams.items():
            self.upstreams.setdefault(leg, upstream)
        for address in other.backend:
            _renew(self.backend, address)
        for address in other.browser:
            _renew(self.browser, address)
        self.client = self.client or other.client
        self.redirect_client = self.redirect_client or other.redirect_client
        self.families |= other.families
        self.accepted = self.accepted or other.accepted
        self.sessions |= other.sessions
        self.requested |= other.requested
        self.tokens |= other.tokens
        self.connections |= other.connections
        self.hosts |= other.hosts


@lru_cache(maxsize=2048)
def _with(values: frozenset[str], value: str) -> frozenset[str]:
    return values | {value}


def _renew(addresses: list[str], address: str) -> None:
    """Make `address` the newest one."""
    if address in addresses:
        addresses.remove(address)
    addresses.append(address)


def _place(member: Member) -> tuple[float, float, tuple[int, int]]:
    return member.event.started_at, member.event.at, member.event.serial


_STRENGTH: dict[Link, int] = {"exact": 2, "inferred": 1, "ambiguous": 0}


def weaker(one: Link, other: Link) -> Link:
    """The weaker of two links."""
    return one if _STRENGTH[one] <= _STRENGTH[other] else other
