"""Outcome and place of an attempt, from its fold and the time. Knows nothing of reasons: those are the diagnoses' business.

1. Served after the token (or without any) is success; a token is not.
2. Else the first refusal that still stands stopped it, once the time in which clients heal it themselves is over.
3. Else silence did, after the limit for the step that should have come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from connwatch.diagnose.fold import Fold, Refusal
from connwatch.diagnose.pace import Pace
from connwatch.diagnose.places import GATEWAY, REDIRECTS, is_sign_in
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.event import Event, Stage

__all__ = ["EXPIRY", "Verdict", "decide", "decided"]

Kind = Literal["good", "refusal", "silence", "noise"]

_LOST: Final = 2  # requests in a row that name a session nobody knows, and no new session after them
EXPIRY: Final = 300.0  # a 401 this long after the last good answer is about an old token, not about a fresh one

# Seconds that a client takes to heal a refusal by itself: it tries the next document, the next era, the next way to authenticate.
_GRACE: Final[dict[str, float]] = {
    "resource_metadata": 15.0,
    "server_metadata": 15.0,
    "registration": 5.0,
    "token": 10.0,
    "session": 10.0,  # one hosted client sends a request without its new token first, and succeeds within a second
    "mcp": 10.0,
    "probe": 10.0,
    "preflight": 10.0,
}
_REACHED: Final = frozenset({400, 401, 500, 501})  # the application answered an MCP request, and did not like it
_STAGE_AFTER: Final = {"resource_metadata": "server_metadata", "server_metadata": "registration", "registration": "authorization"}
_PREFLIGHT_STAGES: Final = (
    ("oauth-protected-resource", "resource_metadata"),
    ("oauth-authorization-server", "server_metadata"),
    ("openid-configuration", "server_metadata"),
)
_LEADS_TO_TOKEN: Final = ("resource_metadata", "server_metadata", "registration", "authorization", "consent")


@dataclass(slots=True)
class Verdict:
    """`kind` says what settled it; `place` where (a place of `places`, or "session"), `event` by which answer.

    For a silence `place` is the last place that was answered well, `stuck` what should have come. `due` is the instant (event time)
    at which silence alone changes the verdict, None when it cannot.
    """

    outcome: Outcome
    stuck: str | None
    kind: Kind
    place: str
    event: Event | None
    due: float | None = None
    refusal: Refusal | None = None


def _noise(state: Fold) -> Verdict:
    """Never an attempt; but what keeps the operator's own request from the application keeps everybody's from it, and is worth saying."""
    if state.standing and not state.served:
        refusal = state.standing[0]
        stuck = _stuck_of(refusal, state)
        if stuck == "reach":
            return Verdict(Outcome.PROBE, stuck, "refusal", refusal.place, refusal.event, None, refusal)
    return Verdict(Outcome.PROBE, None, "noise", "", None)


def decide(attempt: Attempt, state: Fold, family: str, pace: Pace, now: float | None) -> Verdict:
    """The verdict at `now` (event time; None: every limit has passed)."""
    if state.last is None:
        return Verdict(Outcome.PROBE, None, "noise", "", None)
    if attempt.noise:
        return _noise(state)
    if attempt.counted and state.granted is not None and not state.standing:
        return _counted(attempt, state.granted, state, family, pace, now)
    if state.served and (state.granted is not None or state.went_on < state.last_served):
        return _served(attempt, state, family, pace, now)
    if state.standing:
        refusal = state.standing[0]
        return _refused(refusal, _stuck_of(refusal, state), now)
    return _silent(attempt, state, family, pace, now)


def _good(state: Fold) -> Outcome:
    """Signed in within this attempt, or by a grant of an earlier one, or there was nothing to sign in to."""
    tallies = state.tallies
    signed_in = "authorization" in tallies or "registration" in tallies or "consent" in tallies
    if state.granted is not None:
        known = state.challenges and ("resource_metadata" in tallies or "server_metadata" in tallies)
        return Outcome.CONNECTED if signed_in or (known and not state.refreshes) else Outcome.RENEWED
    return Outcome.CONNECTED if signed_in or state.challenges else Outcome.RECONNECTED


def _served(attempt: Attempt, state: Fold, family: str, pace: Pace, now: float | None) -> Verdict:
    for refusal in state.standing:
        since = state.last_served_event
        if refusal.place == "token" and refusal.index > state.last_served:
            return _refused(refusal, "token", now)
        if refusal.place == "session":
            later = since is not None and refusal.event.started_at - since.at >= EXPIRY
            if later and any(other.place == "token" for other in state.standing):
                continue  # an old token ran out, as tokens do: what stopped the client is the grant that was to replace it
            if state.results <= 1 or state.run <= 1 or state.lost >= _LOST or (later and refusal.event.status == 401):
                return _refused(refusal, "session", now)
            if refusal.event.method == "GET":
                continue
            return Verdict(_good(state), None, "good", "session", refusal.event, None, refusal)
    if (state.served == 1 and state.granted is not None) or _initialized_only(state):
        waits = _handshake(attempt, state, family, pace, now)
        if waits is not None:
            return waits
    return Verdict(_good(state), None, "good", "session", state.last_served_event)


def _counted(attempt: Attempt, granted: Event, state: Fold, family: str, pace: Pace, now: float | None) -> Verdict:
    """Of a group that is alike: as many uses as tokens, or fewer. What this attempt's own lines show after the token may be another's."""
    if attempt.counted == "used":
        return Verdict(_good(state), None, "good", "session", granted)
    limit = pace.limit("session", "token", family)
    return _by_limit(limit.seconds, Outcome(limit.then), "session", "token", granted, now)


def _initialized_only(state: Fold) -> bool:
    event = state.last_served_event
    return state.served == 1 and event is not None and (event.stage is Stage.INITIALIZE or event.facts.get("mcp_method") == "initialize")


def _handshake(attempt: Attempt, state: Fold, family: str, pace: Pace, now: float | None) -> Verdict | None:
    """One answered request and nothing more: a client that lists tools by itself has not got what it wanted.

    Only where that is sure: the request is known to be an initialize, or a hosted backend made it and every line is its own.
    """
    event = state.last_served_event
    if event is None:
        return None
    if not _initialized_only(state) and (not pace.hosted(family) or attempt.group or any(step.link == "ambiguous" for step in attempt.steps)):
        return None
    limit = pace.limit("initialized", "initialize", family)
    return _by_limit(limit.seconds, Outcome(limit.then), "session", "session", event, now)


def _refused(refusal: Refusal, stuck: str, now: float | None) -> Verdict:
    due = refusal.event.at + _GRACE.get(refusal.place, 0.0)
    if now is not None and now < due:
        return Verdict(Outcome.WAITING, stuck, "refusal", refusal.place, refusal.event, due, refusal)
    return Verdict(Outcome.FAILED, stuck, "refusal", refusal.place, refusal.event, None, refusal)


def _stuck_of(refusal: Refusal, state: Fold) -> str:
    status = refusal.event.status
    place = refusal.place
    if place == "session":
        return "session"
    if place == "preflight":
        return next((stage for word, stage in _PREFLIGHT_STAGES if word in refusal.event.path), "reach")
    if place in ("mcp", "probe"):
        return "session" if status in _REACHED else "reach"
    if (status in GATEWAY or status in REDIRECTS or status == 421) and not state.challenges and not any(tally.ok for tally in state.tallies.values()):
        return "reach"
    return place


def _silent(attempt: Attempt, state: Fold, family: str, pace: Pace, now: float | None) -> Verdict:
    place, stuck, after = _furthest(state)
    event = state.last
    if not place or event is None:
        if state.stream is not None:
            return Verdict(Outcome.RECONNECTED, None, "good", "session", state.stream)
        return Verdict(Outcome.PROBE, None, "noise", "probe", event)
    if place == "token":
        event = state.last_granted or event
        if _renewed(state):
            return Verdict(Outcome.RENEWED, None, "good", "token", event)
    limit = pace.limit(stuck, after, family)
    then = Outcome(limit.then)
    if then is Outcome.PROBE and not (attempt.previous and state.challenges == 1):
        then = Outcome.STALLED  # a lone 401 of a client that was here before means nothing; of a new one it may be all we ever see
    if then is Outcome.ABANDONED and event.status in REDIRECTS:
        then = Outcome.STALLED  # the browser was sent elsewhere: nobody is known to have left
    return _by_limit(limit.seconds, then, stuck, place, event, now)


def _renewed(state: Fold) -> bool:
    """A grant that nothing led to is a refresh, and a refresh need not be used at once."""
    return state.refreshes == state.tokens or not any(state.tried(place) for place in _LEADS_TO_TOKEN)


def _furthest(state: Fold) -> tuple[str, str, str]:
    """Where the flow got to: (last place answered well, stage that should have come, name of the last step in the time limits)."""
    if state.granted is not None:
        opened = state.stream is not None and state.stream.at >= state.granted.started_at
        return ("session", "session", "initialize") if opened else ("token", "session", "token")
    browser = state.browser
    if browser is not None:
        if decided(state):
            return "consent", "token", "consent"
        return browser.stage.value, "consent", browser.stage.value
    for place in ("registration", "server_metadata", "resource_metadata"):
        if state.ok(place):
            return place, _STAGE_AFTER[place], place
    if state.challenges:
        return "challenge", "resource_metadata", "challenge"
    return "", "", ""


def decided(state: Fold) -> bool:
    """Whether the browser left the consent pages for the client: the last answer sends it away, or takes a decision.

    A page that was shown last is undecided. So is the authorization request's own redirect where nothing follows it: it may
    lead to a sign-in elsewhere, or carry an error. A code in the server's log settles it.
    """
    event = state.browser
    if event is None:
        return False
    if any(kind == "code" for kind, _ in event.keys):
        return True
    if event.stage is Stage.AUTHORIZATION and event.method != "POST":
        return False
    if event.status in REDIRECTS:
        return True
    return event.method == "POST" and not is_sign_in(event)


def _by_limit(seconds: float, then: Outcome, stuck: str, place: str, event: Event, now: float | None) -> Verdict:
    due = event.at + seconds
    if now is not None and now < due:
        return Verdict(Outcome.WAITING, stuck, "silence", place, event, due)
    return Verdict(then, stuck, "silence", place, event)
