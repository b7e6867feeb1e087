"""How much two fragments look like one client, in nats: agents, addresses, vendors, bearers, hosts.

Every term is a log ratio of what linked steps show to what any two steps of this log show; a term without information is 0. Time and
order are not looked at here (see `score`). Pure.
"""

from __future__ import annotations

from functools import lru_cache
from math import log

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import Leg, leg_of
from connwatch.correlate.learn import Habits, network_of

__all__ = ["LIMIT", "Alike", "likeness"]

_SAME_CONNECTION = 0.8  # P(the same connection | next step of the same leg)
_MOST_ADDRESSES = 4096
LIMIT = 5.0  # no single feature may decide alone
_VENDOR_AGREES = 0.7  # an agent and a redirect URI that name the same vendor
_VENDOR_CONFLICT = -6.0
_VENDOR_DIFFERS = -2.5  # agents that name or hint at different vendors
_SAME_AGENT = 0.985  # P(the same agent | two steps of one leg)
_SAME_PROGRAM = 0.9  # the same where both agents belong to one family, which may use several programs
_OTHER_SESSION = -3.0
_OTHER_REQUEST = -6.0  # authorization requests of one client repeat its state and code_challenge; a user who starts anew is rare
_OTHER_HANDSHAKE = -2.0  # most sessions are told once that the client is ready (202), and most attempts have one session
_OTHER_TOKEN = -6.0
_SAME_TOKEN = 0.5
_OTHER_HOST = -3.0


def likeness(one: Fragment, two: Fragment, habits: Habits) -> float:
    """Nats for "these two are of one client"."""
    total = _agents(one, two, habits) + _addresses(one, two, habits)
    if one.families and two.families:
        total += _vendors(one, two)
    total += _places(one, two, habits)
    if one.sessions or one.tokens:
        total += _bearers(one, two)
    if one.requested and two.requested and one.requested.isdisjoint(two.requested):
        total += _OTHER_REQUEST
    if one.accepted and two.accepted:
        total += _OTHER_HANDSHAKE
    if one.connections and two.connections:
        total += _connections(one, two, habits)
    return total


class Alike:
    """`likeness`, remembered for fragments that show the same: of many that compete most do.

    For as long as these fragments exist; what the log teaches anew is noticed.
    """

    def __init__(self) -> None:
        self._shown: dict[tuple[object, ...], int] = {}
        self._numbers: dict[tuple[int, int, Leg], int] = {}
        self._known: dict[tuple[int, int], float] = {}
        self._lessons = -1

    def __call__(self, one: Fragment, two: Fragment, habits: Habits) -> float:
        """As `likeness`."""
        if habits.lessons != self._lessons:
            self._lessons = habits.lessons
            self._known.clear()
        key = self._number(one, leg_of(one.members[-1].kind)), self._number(two, leg_of(two.members[0].kind))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = likeness(one, two, habits)
        return known

    def _number(self, fragment: Fragment, leg: Leg) -> int:
        """The same number for fragments that show the same on the side of this leg. A fragment shows more only when it grows."""
        place = id(fragment), len(fragment.members), leg
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = self._shown.setdefault((leg, *fragment.shows()), len(self._shown))
        return number


def _agents(one: Fragment, two: Fragment, habits: Habits) -> float:
    total = 0.0
    mine, theirs = one.agents, two.agents
    compared = False
    shares = habits.agent_share
    for leg, agent in mine.items():
        other = theirs.get(leg)
        if other is not None:
            compared = True
            same = _SAME_PROGRAM if leg == "browser" or not one.families.isdisjoint(two.families) else _SAME_AGENT
            total += _ratio(agent == other, same, shares.get(agent, 0.1))
    if not compared:
        if "mcp" in mine and "oauth" in theirs:
            total = _two_programs(mine["mcp"], theirs["oauth"], habits, kin=not one.families.isdisjoint(two.families))
        elif "oauth" in mine and "mcp" in theirs:
            total = _two_programs(theirs["mcp"], mine["oauth"], habits, kin=not one.families.isdisjoint(two.families))
    return -LIMIT if total < -LIMIT else min(total, LIMIT)


def _two_programs(mcp: str, oauth: str, habits: Habits, *, kin: bool) -> float:
    """The MCP leg and the OAuth leg of one client may name different agents; which go together is learnt from this log."""
    prior = 0.55 if mcp == oauth or kin else 0.3 if oauth == "-" else 0.05
    known = habits.spoke.get(mcp)
    p = prior
    if known is not None:
        p = (known[oauth] + 2.0 * prior) / (known.total() + 2.0)
    return log(p / max(habits.agent_share.get(oauth, 0.1), 0.01))


def _addresses(one: Fragment, two: Fragment, habits: Habits) -> float:
    total = 0.0
    if one.backend and two.backend:
        total = _compare(one.backend, two.backend, "own", habits)
    if one.browser and two.browser:
        total += _compare(one.browser, two.browser, "own", habits)
    if total == 0.0:
        mine = one.browser if leg_of(one.tail.kind) == "browser" else one.backend
        theirs = two.browser if leg_of(two.head.kind) == "browser" else two.backend
        if mine and theirs and (mine is one.browser) != (theirs is two.browser):
            total = _compare(mine, theirs, "cross", habits)
    return -LIMIT if total < -LIMIT else min(total, LIMIT)


def _compare(mine: list[str], theirs: list[str], pair: str, habits: Habits) -> float:
    here = mine[-1]
    terms = habits.address_terms.get((pair, here))
    if terms is None:
        if len(habits.address_terms) >= _MOST_ADDRESSES:
            habits.address_terms.clear()  # strangers come from ever new addresses
        terms = habits.address_terms[pair, here] = _address_terms(here, pair, habits)
    same, near, far = terms
    if here in theirs or (len(mine) > 1 and any(a in mine for a in theirs)):
        return same
    network = network_of(here)
    for address in theirs:
        if network_of(address) == network:
            return near
    return far


def _address_terms(here: str, pair: str, habits: Habits) -> tuple[float, float, float]:
    """Nats for the same address again, another one of its network, and one of elsewhere."""
    share = habits.address_share.get(here, 0.05)
    p_same = habits.same_address[pair]
    same = log(max(p_same, 0.02) / max(share, 0.005)) if share < 0.999 else 0.0
    different = log((1.0 - min(p_same, 0.98)) / (1.0 - min(share, 0.98)))
    near_share = habits.network_share.get(network_of(here), 0.1)
    near = habits.same_network[pair]
    return (
        same,
        different + log(max(near, 0.02) / max(near_share, 0.02)) * 0.5,
        different + log((1.0 - min(near, 0.95)) / (1.0 - min(near_share, 0.95))) * 0.5,
    )


def _vendors(one: Fragment, two: Fragment) -> float:
    """Whose clients the two are, as far as an agent or a redirect URI names it or a library hints at it."""
    if one.client is not None and one.client == two.client:
        return _VENDOR_AGREES if (one.redirect_client is None) != (two.redirect_client is None) else 0.0
    if not one.families.isdisjoint(two.families):
        return 0.0
    named = one.client is not None and two.client is not None
    if named and (one.redirect_client is not None or two.redirect_client is not None):
        return _VENDOR_CONFLICT
    return _VENDOR_DIFFERS


def _bearers(one: Fragment, two: Fragment) -> float:
    """Two sessions, or two users' tokens, are seldom one attempt; an equal prefix says little, many attempts share a user."""
    total = 0.0
    if one.sessions and two.sessions and not one.sessions & two.sessions:
        total += _OTHER_SESSION
    if one.tokens and two.tokens:
        total += _SAME_TOKEN if one.tokens & two.tokens else _OTHER_TOKEN
    return total


def _connections(one: Fragment, two: Fragment, habits: Habits) -> float:
    """One connection of one client; a backend that pools its users over a few connections shows by their share of the log."""
    shared = one.connections & two.connections
    if not shared:
        return 0.0
    share = min(habits.connection_share.get(c, 0.1) for c in shared)
    return min(LIMIT, log(max(_SAME_CONNECTION / max(share, 0.005), 1.0)))


def _places(one: Fragment, two: Fragment, habits: Habits) -> float:
    total = 0.0
    if one.hosts is not two.hosts and one.hosts and two.hosts and one.hosts.isdisjoint(two.hosts):
        total += _OTHER_HOST
    if one.upstreams and two.upstreams:
        for leg in ("mcp", "oauth", "browser"):
            mine, theirs = one.upstreams.get(leg), two.upstreams.get(leg)
            if mine is not None and theirs is not None:
                total += _ratio(mine == theirs, habits.same_upstream, habits.upstream_share.get(mine, 0.1))
                break
    return -LIMIT if total < -LIMIT else min(total, LIMIT)


@lru_cache(maxsize=4096)
def _ratio(same: bool, p_same: float, share: float) -> float:
    """log ratio of "linked" to "unrelated" for a feature that is equal or not; 0 where everybody shares it."""
    share = min(max(share, 0.005), 1.0)
    if same:
        return log(max(p_same, share) / share)
    return log((1.0 - min(p_same, 0.99)) / max(1.0 - share, 0.02))
