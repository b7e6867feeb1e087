"""How believable it is that one fragment is the next thing the client of another did, in nats.

A log likelihood ratio against "the first client had finished, and this is a new attempt". Every term is a ratio of what linked steps
look like to what any two steps of this log look like; a term without information is 0. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log

from connwatch.correlate.fragment import Fragment, Member
from connwatch.correlate.kinds import can_begin, class_of
from connwatch.correlate.learn import Habits, Step
from connwatch.correlate.likeness import LIMIT, likeness
from connwatch.correlate.tables import MISHAPS, Tables
from connwatch.model.event import Event, Stage

__all__ = ["IMPOSSIBLE", "Scorer"]

IMPOSSIBLE = -50.0
_STREAM_SLACK = 0.05  # seconds a step may seem to start before the one it follows has ended
# Gaps that follow no habit: (share, mean seconds) of a retry or a busy moment, and of a person or a pause.
_MACHINE = (0.15, 0.5, 0.03, 30.0)
_SESSION = (0.25, 1.0, 0.15, 30.0)
_PERSON = (0.3, 2.0, 0.4, 60.0)
_AGAIN = (0.3, 1.0, 0.4, 12.0)  # who is refused tries again after some seconds, and then after some more
_SLACK = {
    ("session", "session"): _SESSION,
    ("session", "session-"): _SESSION,
    ("session-", "session"): _SESSION,
    ("session-", "session-"): _AGAIN,
    ("session", "token"): _SESSION,
    ("session", "start"): _SESSION,
    ("token", "session"): _SESSION,
    ("broken", "broken"): _AGAIN,
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
_WRONG_ID = -3.0  # a client that registered and then came with everybody's id, or the other way round
_UNASKED = -2.5  # a request that is known to carry no token, right after a token was issued
_PATIENT = 6.0  # typical gaps after which a continuation that has not come will not come
_OWN_PRIOR = 6.0  # how many links of this log the shipped order is worth
_TWO_PRIOR = 3.0  # how many observations one step of context is worth against two
_SHORTEST = 0.0005  # seconds: stamps are no finer in practice
# Seconds that a request may have waited before the line that ends it, where no duration is logged: nginx's proxy_read_timeout, and
# Cloudflare's limit. Its beginning is taken where it fits best. How long a client waits before it gives up (499) is anybody's guess.
_WAITED = {504: 60.0, 524: 100.0}
_CANNOT_BEGIN = -7.0  # log P of a beginning with what cannot be one
_HOPELESS = -30.0
_UNTHINKABLE = -12.0  # nats that no likeness of the clients makes up for
_SAME_INSTANT = 0.002  # seconds: closer than that, the order of two stamps says nothing
_SIDE_STEP = -4.0  # nats at least, for a step that the usual order does not know


@dataclass(slots=True)
class Scorer:
    """Scores pairs of fragments with the shipped tables and the habits of this window."""

    tables: Tables
    habits: Habits
    newest: float = float("inf")  # the newest event of the window, seconds since the epoch
    likeness: Callable[[Fragment, Fragment, Habits], float] = likeness  # nats from what two fragments show of their client

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
        return score + self.likeness(one, two, self.habits)

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
        """Nats for "`two` is a side step of `group`", judged by the member that it would follow and the one that would follow it.

        With `floor`, an order that is not usual counts little against it.
        """
        position = -1
        for index, member in enumerate(group.members):
            if member.event.started_at <= two.start + _SAME_INSTANT:
                position = index
        if position < 0:
            return IMPOSSIBLE
        earlier = group.members[position - 1].kind if position else ""
        before = group.members[position]
        score = self._step(earlier, before, two.head, two.start - before.event.at)
        if position + 1 < len(group.members):
            score += self._detour(earlier, before, two, group.members[position + 1])
        return (max(score, _SIDE_STEP) if floor else score) + self.likeness(group, two, self.habits)

    def _detour(self, earlier: str, before: Member, two: Fragment, after: Member) -> float:
        """Nats for going on to `after` from `two` rather than straight from `before`: above 0 where the way round explains it better."""
        onward = after.event.started_at - two.end
        if onward < -_SAME_INSTANT:
            return 0.0
        straight = self._step(earlier, before, after, after.event.started_at - before.event.at)
        return max(-LIMIT, min(self._step(two.before_tail, two.tail, after, onward) - straight, LIMIT))

    def _step(self, earlier: str, one: Member, two: Member, gap: float) -> float:
        before, after = one.kind, two.kind
        steps = self.habits.steps
        step = steps.get((earlier, before, after))
        if step is None:
            step = steps[earlier, before, after] = self._known_step(earlier, before, after)
        base = step.base
        repeats = before == after and before in _REFUSED and _repeats(one.event, two.event)
        if repeats:
            base = max(base, step.repeated)
        if base < _HOPELESS:
            return IMPOSSIBLE
        if before == "token+" and after == "challenge" and two.event.authorization is False:
            base += _UNASKED
        if self.habits.common_ids and two.event.stage is Stage.AUTHORIZATION:
            base += self._own_id(before, two.event)
        status = two.event.status
        if status in _WAITED and two.event.duration is None:
            gap = max(gap - _WAITED[status], min(gap, 3.672 * step.theta))
        if gap < _SHORTEST:
            gap = _SHORTEST
        density = step.peak * gap * gap * gap * exp(-gap / step.theta) if gap < 40.0 * step.theta else 0.0
        density += step.short * exp(-gap * step.short_rate)
        density += step.long * exp(-gap * step.long_rate)
        if repeats:
            short, short_mean, long, long_mean = _AGAIN
            density = max(density, short / short_mean * exp(-gap / short_mean) + long / long_mean * exp(-gap / long_mean))
        return base + log(density + 1e-12)

    def _known_step(self, earlier: str, before: str, after: str) -> Step:
        """What is constant for a pair of kinds: order against "a new attempt", and the shape of the gap.

        The gap is a gamma of shape 4 around the habit (log-concave on purpose), over two exponentials for what follows no habit.
        """
        tables = self.tables
        order = self._order(earlier, before, after)
        new = (tables.log_begin(after) if can_begin(after) else _CANNOT_BEGIN) + log(self.habits.start_rate)
        theta = self.habits.typical(earlier, before, after, tables) / 3.672
        short, short_mean, long, long_mean = _SLACK.get((class_of(before), class_of(after)), _MACHINE)
        peak = (1.0 - short - long) / (6.0 * theta**4)
        base = order - new if order > -9.0 else IMPOSSIBLE
        repeated = log(_REPEAT / tables.p_end(before)) - new
        return Step(base, repeated, theta, peak, short / short_mean, 1.0 / short_mean, long / long_mean, 1.0 / long_mean)

    def _own_id(self, before: str, event: Event) -> float:
        """Who just registered uses a client id of its own (RFC 7591); who did not, one that others use too, or a document's (an URL)."""
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
            shipped = None if after in MISHAPS else tables.follows_two.get(f"{earlier} {before}")  # a refusal needs no context
            if shipped is not None:
                p = (shipped.get(after, 0.0) + _TWO_PRIOR * p) / (sum(shipped.values()) + _TWO_PRIOR)
            mine = habits.follows_two.get((earlier, before))
            if mine is not None:
                p = (mine[after] + _OWN_PRIOR * p) / (mine.total() + _OWN_PRIOR)
        return log(p) - log(tables.p_end(before))

    @staticmethod
    def is_pause(before: str, after: str) -> bool:
        """Whether a person, or a client at leisure, stands between the two steps: such links are believed last."""
        return _SLACK.get((class_of(before), class_of(after))) is _PERSON and after not in ("page", "other")


def _repeats(a: Event, b: Event) -> bool:
    """The very same request, answered the same: a client that tries again, or follows a redirect to where it was."""
    return a.method == b.method and a.path == b.path and a.status == b.status and a.agent == b.agent and a.address == b.address
