"""How believable it is that one fragment is the next thing the client of another did, in nats.

A log likelihood ratio against "the first client had finished, and this is a new attempt". Every term is a ratio of what linked steps
look like to what any two steps of this log look like; a term without information is 0. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from connwatch.correlate.fragment import Fragment, Member
from connwatch.correlate.kinds import KINDS, can_begin, leg_of
from connwatch.correlate.learn import Habits, Step, network_of
from connwatch.correlate.tables import Tables
from connwatch.model.event import Event, Stage

__all__ = ["IMPOSSIBLE", "Scorer"]

IMPOSSIBLE = -50.0
_STREAM_SLACK = 0.05  # seconds a step may seem to start before the one it follows has ended
# Gaps that follow no habit: (share, mean seconds) of a retry or a busy moment, and of a person or a pause.
_MACHINE = (0.15, 0.5, 0.03, 30.0)
_SESSION = (0.25, 1.0, 0.15, 30.0)
_PERSON = (0.3, 2.0, 0.4, 60.0)
_SLACK = {
    ("session", "session"): _SESSION,
    ("session", "session-"): _SESSION,
    ("session-", "session"): _SESSION,
    ("session-", "session-"): _SESSION,
    ("session", "token"): _SESSION,
    ("session", "start"): _SESSION,
    ("token", "session"): _SESSION,
    ("broken", "broken"): (0.4, 1.0, 0.1, 30.0),
    ("start", "start"): (0.4, 1.0, 0.1, 30.0),
    ("register", "browser"): _PERSON,
    ("metadata", "browser"): _PERSON,
    ("start", "browser"): _PERSON,
    ("browser", "browser"): _PERSON,
    ("browser", "broken"): _PERSON,
    ("browser", "token"): (0.25, 1.0, 0.1, 30.0),
}
_REPEAT = 0.35  # P(the same refused request again | one refused)
_REFUSED = frozenset({"moved", "down", "mcp-", "forbidden", "stream-", "challenge"})
_VENDOR_AGREES = 0.7  # an agent and a redirect URI that name the same vendor
_VENDOR_CONFLICT = -6.0
_VENDOR_DIFFERS = -2.5  # agents that name or hint at different vendors
_SAME_AGENT = 0.985  # P(the same agent | two steps of one leg)
_SAME_PROGRAM = 0.9  # the same where both agents belong to one family, which may use several programs
_WRONG_ID = -3.0  # a client that registered and then came with everybody's id, or the other way round
_UNASKED = -2.5  # a request that is known to carry no token, right after a token was issued
_PATIENT = 6.0  # typical gaps after which a continuation that has not come will not come
_OTHER_SESSION = -3.0
_OTHER_TOKEN = -6.0
_SAME_TOKEN = 0.5
_OTHER_HOST = -3.0
_OWN_PRIOR = 6.0  # how many links of this log the shipped order is worth
_TWO_PRIOR = 3.0  # how many observations one step of context is worth against two
_SHORTEST = 0.0005  # seconds: stamps are no finer in practice
_CANNOT_BEGIN = -7.0  # log P of a beginning with what cannot be one
_HOPELESS = -30.0
_UNTHINKABLE = -12.0  # nats that no likeness of the clients makes up for
_SIDE_STEP = -1.0  # nats at least, for a step that the usual order does not know
_LIMIT = 5.0  # no single feature may decide alone


@dataclass(slots=True)
class Scorer:
    """Scores pairs of fragments with the shipped tables and the habits of this window."""

    tables: Tables
    habits: Habits
    newest: float = float("inf")  # the newest event of the window, seconds since the epoch

    def unfinished(self, one: Fragment) -> float:
        """Nats (0 or less) to add to links of a fragment whose true continuation may be yet to come, after the newest event.

        A link is weighed against "nothing follows"; near the end of the window that is likely, however seldom attempts end there.
        """
        kind = one.members[-1].kind
        age = self.newest - one.end
        pace = self.habits.pace.get(kind, 0.3)
        if age > _PATIENT * pace:
            return 0.0
        theta = pace / 3.672
        x = age / theta
        to_come = exp(-x) * (1.0 + x + x * x / 2.0 + x * x * x / 6.0)  # survival of the gamma of shape 4
        p_end = self.tables.p_end(kind)
        return log(p_end / (p_end + (1.0 - p_end) * to_come))

    def link(self, one: Fragment, two: Fragment) -> float:
        """Nats for "`two` continues `one`"; IMPOSSIBLE where time or vendor forbid it."""
        gap = two.start - one.end
        if gap < -_STREAM_SLACK:
            return IMPOSSIBLE
        score = self._step(one.before_tail, one.tail, two.head, gap)
        if score < -12.0:
            return IMPOSSIBLE
        return score + self.likeness(one, two)

    def thinkable(self, before: str, after: str) -> bool:
        """Whether a pair of kinds may be linked at all, whoever made the requests: a quick look before the slow one."""
        known = self.habits.thinkable.get((before, after))
        if known is None:
            step = self._known_step("", before, after)
            most = step.base + log(step.short + step.long + step.peak * (3.0 * step.theta) ** 3 * exp(-3.0) + 1e-12)
            known = most > _UNTHINKABLE or (before == after and before in _REFUSED)
            self.habits.thinkable[before, after] = known
        return known

    def insertion(self, group: Fragment, two: Fragment, *, floor: bool) -> float:
        """Nats for "`two` is a side step of `group`", judged by the member of `group` that it would follow."""
        position = -1
        for index, member in enumerate(group.members):
            if member.event.started_at <= two.start + _STREAM_SLACK:
                position = index
        if position < 0:
            return IMPOSSIBLE
        earlier = group.members[position - 1].kind if position else ""
        before = group.members[position]
        score = self._step(earlier, before, two.head, two.start - before.event.at)
        return (max(score, _SIDE_STEP) if floor else score) + self.likeness(group, two)

    def _step(self, earlier: str, one: Member, two: Member, gap: float) -> float:
        before, after = one.kind, two.kind
        steps = self.habits.steps
        step = steps.get((earlier, before, after))
        if step is None:
            step = steps[earlier, before, after] = self._known_step(earlier, before, after)
        base = step.base
        if before == after and before in _REFUSED and _repeats(one.event, two.event):
            base = max(base, step.repeated)
        if base < _HOPELESS:
            return IMPOSSIBLE
        if before == "token+" and after == "challenge" and two.event.authorization is False:
            base += _UNASKED
        if self.habits.common_ids and two.event.stage is Stage.AUTHORIZATION:
            base += self._own_id(before, two.event)
        if gap < _SHORTEST:
            gap = _SHORTEST
        density = step.peak * gap * gap * gap * exp(-gap / step.theta) if gap < 40.0 * step.theta else 0.0
        density += step.short * exp(-gap * step.short_rate)
        density += step.long * exp(-gap * step.long_rate)
        return base + log(density + 1e-12)

    def _known_step(self, earlier: str, before: str, after: str) -> Step:
        """What is constant for a pair of kinds: order against "a new attempt", and the shape of the gap.

        The gap is a gamma of shape 4 around the habit (log-concave on purpose), over two exponentials for what follows no habit.
        """
        tables = self.tables
        order = self._order(earlier, before, after)
        new = (tables.log_begin(after) if can_begin(after) else _CANNOT_BEGIN) + log(self.habits.start_rate)
        theta = self.habits.typical(earlier, before, after, tables) / 3.672
        short, short_mean, long, long_mean = _SLACK.get((_group(before), _group(after)), _MACHINE)
        peak = (1.0 - short - long) / (6.0 * theta**4)
        base = order - new if order > -9.0 else IMPOSSIBLE
        repeated = log(_REPEAT / tables.p_end(before)) - new
        return Step(base, repeated, theta, peak, short / short_mean, 1.0 / short_mean, long / long_mean, 1.0 / long_mean)

    def _own_id(self, before: str, event: Event) -> float:
        """Who just registered uses a client id of its own (RFC 7591); who did not, one that others use too, or a document's (an URL)."""
        if not self.habits.common_ids:
            return 0.0
        client_id = dict(event.keys).get("client_id", "")
        common = client_id in self.habits.common_ids or client_id.startswith("https:")
        return _WRONG_ID if common == (before == "register+") else 0.0

    def _order(self, earlier: str, before: str, after: str) -> float:
        """log P(after | what came before) - log P(nothing came): shipped counts, this log's own, and two steps of context where known."""
        tables, habits = self.tables, self.habits
        p = tables.p_next(before, after)
        own = habits.follows.get(before)
        if own is not None:
            n = own.total()
            p = (own[after] + _OWN_PRIOR * p) / (n + _OWN_PRIOR)
        if earlier:
            shipped = tables.follows_two.get(f"{earlier} {before}")
            if shipped is not None:
                p = (shipped.get(after, 0.0) + _TWO_PRIOR * p) / (sum(shipped.values()) + _TWO_PRIOR)
            mine = habits.follows_two.get((earlier, before))
            if mine is not None:
                p = (mine[after] + _OWN_PRIOR * p) / (mine.total() + _OWN_PRIOR)
        return log(p) - log(tables.p_end(before))

    @staticmethod
    def is_pause(before: str, after: str) -> bool:
        """Whether a person, or a client at leisure, stands between the two steps: such links are believed last."""
        return _SLACK.get((_group(before), _group(after))) is _PERSON and after not in ("page", "other")

    def likeness(self, one: Fragment, two: Fragment) -> float:
        """Nats from what the two show of their client: agents, addresses, vendors, hosts, upstreams, bearers."""
        return self._agents(one, two) + self._addresses(one, two) + self._vendors(one, two) + self._places(one, two) + self._bearers(one, two)

    def _agents(self, one: Fragment, two: Fragment) -> float:
        total = 0.0
        mine, theirs = one.agents, two.agents
        compared = False
        shares = self.habits.agent_share
        for leg, agent in mine.items():
            other = theirs.get(leg)
            if other is not None:
                compared = True
                same = _SAME_PROGRAM if leg == "browser" or not one.families.isdisjoint(two.families) else _SAME_AGENT
                total += _ratio(agent == other, same, shares.get(agent, 0.1))
        if not compared:
            if "mcp" in mine and "oauth" in theirs:
                total = self._two_programs(mine["mcp"], theirs["oauth"], kin=not one.families.isdisjoint(two.families))
            elif "oauth" in mine and "mcp" in theirs:
                total = self._two_programs(theirs["mcp"], mine["oauth"], kin=not one.families.isdisjoint(two.families))
        return -_LIMIT if total < -_LIMIT else min(total, _LIMIT)

    def _two_programs(self, mcp: str, oauth: str, *, kin: bool) -> float:
        """The MCP leg and the OAuth leg of one client may name different agents; which go together is learnt from this log."""
        prior = 0.55 if mcp == oauth or kin else 0.3 if oauth == "-" else 0.05
        known = self.habits.spoke.get(mcp)
        p = prior
        if known is not None:
            p = (known[oauth] + 2.0 * prior) / (known.total() + 2.0)
        return log(p / max(self.habits.agent_share.get(oauth, 0.1), 0.01))

    def _addresses(self, one: Fragment, two: Fragment) -> float:
        total = 0.0
        if one.backend and two.backend:
            total = self._compare(one.backend, two.backend, "own")
        if one.browser and two.browser:
            total += self._compare(one.browser, two.browser, "own")
        if total == 0.0:
            mine = one.browser if leg_of(one.tail.kind) == "browser" else one.backend
            theirs = two.browser if leg_of(two.head.kind) == "browser" else two.backend
            if mine and theirs and (mine is one.browser) != (theirs is two.browser):
                total = self._compare(mine, theirs, "cross")
        return -_LIMIT if total < -_LIMIT else min(total, _LIMIT)

    def _compare(self, mine: list[str], theirs: list[str], pair: str) -> float:
        habits = self.habits
        here = mine[-1]
        share = habits.address_share.get(here, 0.05)
        p_same = habits.same_address[pair]
        if here in theirs or (len(mine) > 1 and any(a in mine for a in theirs)):
            return log(max(p_same, 0.02) / max(share, 0.005)) if share < 0.999 else 0.0
        different = log((1.0 - min(p_same, 0.98)) / (1.0 - min(share, 0.98)))
        network = network_of(here)
        near_share = habits.network_share.get(network, 0.1)
        near = habits.same_network[pair]
        if any(network_of(a) == network for a in theirs):
            return different + log(max(near, 0.02) / max(near_share, 0.02)) * 0.5
        return different + log((1.0 - min(near, 0.95)) / (1.0 - min(near_share, 0.95))) * 0.5

    @staticmethod
    def _vendors(one: Fragment, two: Fragment) -> float:
        """Whose clients the two are, as far as an agent or a redirect URI names it or a library hints at it."""
        if not one.families or not two.families:
            return 0.0
        if one.client is not None and one.client == two.client:
            return _VENDOR_AGREES if (one.redirect_client is None) != (two.redirect_client is None) else 0.0
        if not one.families.isdisjoint(two.families):
            return 0.0
        named = one.client is not None and two.client is not None
        if named and (one.redirect_client is not None or two.redirect_client is not None):
            return _VENDOR_CONFLICT
        return _VENDOR_DIFFERS

    @staticmethod
    def _bearers(one: Fragment, two: Fragment) -> float:
        """Two sessions, or two users' tokens, are seldom one attempt; an equal prefix says little, many attempts share a user."""
        total = 0.0
        if one.sessions and two.sessions and not one.sessions & two.sessions:
            total += _OTHER_SESSION
        if one.tokens and two.tokens:
            total += _SAME_TOKEN if one.tokens & two.tokens else _OTHER_TOKEN
        return total

    def _places(self, one: Fragment, two: Fragment) -> float:
        total = 0.0
        if one.hosts and two.hosts and not one.hosts & two.hosts:
            total += _OTHER_HOST
        for leg in ("mcp", "oauth", "browser"):
            mine, theirs = one.upstreams.get(leg), two.upstreams.get(leg)
            if mine is not None and theirs is not None:
                total += _ratio(mine == theirs, self.habits.same_upstream, self.habits.upstream_share.get(mine, 0.1))
                break
        return max(-_LIMIT, min(total, _LIMIT))


def _ratio(same: bool, p_same: float, share: float) -> float:
    """log ratio of "linked" to "unrelated" for a feature that is equal or not; 0 where everybody shares it."""
    share = min(max(share, 0.005), 1.0)
    if same:
        return log(max(p_same, share) / share)
    return log((1.0 - min(p_same, 0.99)) / max(1.0 - share, 0.02))


def _group(kind: str) -> str:
    return KINDS[kind][0]


def _repeats(a: Event, b: Event) -> bool:
    """The very same request, answered the same: a client that tries again, or follows a redirect to where it was."""
    return a.method == b.method and a.path == b.path and a.status == b.status and a.agent == b.agent and a.address == b.address
