"""One pass over an attempt's steps: what was tried, what was answered, and which error still stands.

An error stands until it is healed: by a good answer to the same request, or by the client going on beyond it. What is left,
in order of time, is the cause, because the first real error is and the last line often is not. Nothing here judges silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from connwatch.diagnose.places import BEYOND, GATEWAY, MCP, PLACES, RANK, REDIRECTS, answered, is_ok
from connwatch.model.attempt import Step
from connwatch.model.event import Event, Stage

__all__ = ["Fold", "Refusal", "Tally", "fold"]

_SAME_SECOND: Final = 1.0  # stamps without fractions may put an answer before what made it possible
_UNKNOWN_SESSION: Final = frozenset({400, 404, 410})
_DISCOVERY: Final = frozenset({"resource_metadata", "server_metadata"})
_REGISTERING: Final = RANK["registration"]  # who tries to register has done with discovery, well or not
_ABOUT_ALL: Final = frozenset({421, 429}) | (GATEWAY - {499}) | REDIRECTS
_BROWSER: Final = RANK["authorization"]
_HARD: Final = _ABOUT_ALL | {499}  # said of the server as a whole, so going on elsewhere does not heal them


@dataclass(slots=True)
class Tally:
    """Answers at one place: how many let the client go on, how many did not, and the latest of both."""

    ok: int = 0
    bad: int = 0
    first: Event | None = None
    last: Event | None = None
    last_ok: Event | None = None
    last_bad: Event | None = None

    def count(self, event: Event, *, ok: bool) -> None:
        """One more answer."""
        if ok:
            self.ok += 1
            self.last_ok = event
        else:
            self.bad += 1
            self.last_bad = event


@dataclass(slots=True)
class Refusal:
    """An answer that stopped the client, as far as is known so far. `place` may be "session", which is "mcp" once a token or a session exists."""

    index: int
    place: str
    event: Event


@dataclass(slots=True)
class Fold:
    """What the steps of one attempt amount to.

    `standing` are the refusals that nothing healed, in order of time. `served` counts MCP POSTs answered 2xx since the first token (all of them
    where there was none), `results` those of them with a body (not 202), `run` the most in a row. `granted` is the first good token answer,
    `tokens` their number. `went_on` is the index of the last step that tried to register, to authorize or to get a token; `last_served`
    the index of the last MCP request that was served.
    """

    tallies: dict[str, Tally] = field(default_factory=dict)
    standing: list[Refusal] = field(default_factory=list)
    requests: int = 0
    challenges: int = 0
    rejections: int = 0
    served: int = 0
    results: int = 0
    run: int = 0
    running: int = 0  # in a row, up to now
    served_before: int = 0
    lost: int = 0  # POSTs answered 400, 404 or 410 since the last one that was served
    tokens: int = 0
    refreshes: int = 0
    granted: Event | None = None
    last_granted: Event | None = None
    regranted: int = 0  # tokens given without a new authorization between: hidden refusals, or refreshes
    browser: Event | None = None  # the last answer in the browser half that has a say
    stream: Event | None = None
    last_served: int = -1
    last_served_event: Event | None = None
    went_on: int = -1
    last: Event | None = None  # the last step that has a say
    posts: int = 0
    explained: list[Event] = field(default_factory=list)  # events that an error log explains
    challenge: Tally | None = None  # MCP requests before anything entitled the client
    session: Tally | None = None  # those that were served, and all after the first token

    def ok(self, place: str) -> int:
        """How many good answers a place gave."""
        tally = self.tallies.get(place)
        return tally.ok if tally is not None else 0

    def bad(self, place: str) -> int:
        """How many answers of a place stopped the client, at least for a moment."""
        tally = self.tallies.get(place)
        return tally.bad if tally is not None else 0

    def tried(self, place: str) -> bool:
        """Whether anything was asked for at a place."""
        return place in self.tallies


def fold(steps: list[Step]) -> Fold:
    """Fold steps that are ordered by start time. Pure, and linear in their number."""
    state = Fold()
    tallies = state.tallies
    for index, step in enumerate(steps):
        event = step.event
        place = PLACES.get(event.stage)
        if place is None:
            continue
        state.requests += 1
        state.last = event
        if "cause" in event.facts:
            state.explained.append(event)
        if place == "mcp":
            _mcp(state, index, event)
            continue
        ok = is_ok(place, event.status)
        tally = tallies.get(place)
        if tally is None:
            tally = tallies[place] = Tally(first=event)
        tally.last = event
        rank = RANK[place]
        tally.count(event, ok=ok)
        if rank >= _REGISTERING:
            state.went_on = index
        if state.standing:
            _heal(state, rank, ok, event)
        if ok:
            if place == "token":
                _grant(state, event)
            elif rank >= _BROWSER:
                state.browser = event
                state.regranted = 0
        elif not (place in _DISCOVERY and tally.ok and event.status not in GATEWAY) and not _harmless(place, event):
            state.standing.append(Refusal(index, place, event))
    return state


def _harmless(place: str, event: Event) -> bool:
    """A probe of the root may be answered anyhow, unless the answer is about the server as a whole."""
    return place == "probe" and event.status not in _HARD and event.status != 403


def _grant(state: Fold, event: Event) -> None:
    if state.granted is None:
        state.granted = event
        # what was served before the token was served to nobody in particular, except where one-second stamps blur the order
        served = state.last_served_event
        if not (served is not None and event.coarse and event.at - served.started_at < _SAME_SECOND):
            state.served_before = state.served
            state.served = state.results = state.run = state.running = 0
    elif state.last_granted is not None:
        state.regranted += 1
    state.last_granted = event
    state.tokens += 1
    if event.stage is Stage.REFRESH:
        state.refreshes += 1


def _mcp(state: Fold, index: int, event: Event) -> None:
    tally = state.tallies.get("mcp")
    if tally is None:
        tally = state.tallies["mcp"] = Tally(first=event)
    tally.last = event
    status = event.status
    if state.granted is not None or ((status is None or status < 300) and event.method != "HEAD"):
        if state.session is None:
            state.session = Tally(first=event)
        state.session.last = event
    else:
        if state.challenge is None:
            state.challenge = Tally(first=event)
        state.challenge.last = event
    if status is None or 200 <= status < 300:
        tally.count(event, ok=True)
        _mcp_good(state, index, event)
    elif status == 401 and state.granted is None:
        state.challenges += 1
        state.posts += event.method == "POST"
        if state.standing:
            _heal(state, MCP, True, event)
        if state.served:
            tally.count(event, ok=False)
            state.standing.append(Refusal(index, "session", event))
    else:
        tally.count(event, ok=False)
        _mcp_bad(state, index, event)


def _mcp_good(state: Fold, index: int, event: Event) -> None:
    """Only an answered POST serves a client: a HEAD is a look, and a stream is optional."""
    rank = MCP
    if event.method == "POST":
        state.posts += 1
        if event.status is None and event.authorization is False and state.granted is None:
            state.challenges += 1  # the server's log alone: no status, but it says that no token came
        else:
            rank = BEYOND
            state.served += 1
            state.results += event.status != 202
            state.running += 1
            state.run = max(state.run, state.running)
            state.lost = 0
            state.last_served = index
            state.last_served_event = event
    elif event.method == "GET":
        state.stream = event
    if state.standing:
        _heal(state, rank, True, event)


def _mcp_bad(state: Fold, index: int, event: Event) -> None:
    status, method = event.status, event.method
    entitled = state.granted is not None or state.served > 0 or any(kind == "session" for kind, _ in event.keys)
    if method == "POST":
        state.posts += 1
        state.lost += status in _UNKNOWN_SESSION
        state.running = 0
    if entitled and status in (401, 403):
        state.rejections += 1
    if state.standing:
        _heal(state, BEYOND if entitled else MCP, False, event)
    if not _optional(state, method, status, entitled):
        state.standing.append(Refusal(index, "session" if entitled else "mcp", event))


def _optional(state: Fold, method: str, status: int | None, entitled: bool) -> bool:
    """Whether this refusal stops nobody: the end of a session, or a stream that is not offered (other answers than 405 stop some)."""
    if method == "DELETE":
        return True
    if method == "POST" or status in _ABOUT_ALL or status in (401, 403):
        return False
    return status == 405 if entitled else state.posts > 0


def _heal(state: Fold, rank: int, ok: bool, event: Event) -> None:
    spoke = ok or answered(event)
    state.standing = [refusal for refusal in state.standing if not _healed(refusal, rank, ok, spoke, state)]


def _healed(refusal: Refusal, rank: int, ok: bool, spoke: bool, state: Fold) -> bool:
    own = RANK[refusal.place]
    status = refusal.event.status
    if own == BEYOND:
        if rank == BEYOND:
            return ok or (status in REDIRECTS and spoke)
        if status == 403 and state.served and rank >= _BROWSER:
            return True  # step-up: the token is good, and the user is asked for more
        # a server may serve some requests to anybody and ask for a token later: then the 401 opens the flow
        return status == 401 and state.granted is None and rank > MCP
    if status == 421 and own == MCP:
        return spoke and (rank == MCP or rank >= _REGISTERING)  # whether the host is accepted is told where MCP is, not by documents beside it
    if status in _HARD:
        return spoke and rank >= own and rank > 0
    if own == MCP:
        return ok and (rank == MCP or rank >= _REGISTERING)  # metadata may be read of a host whose MCP URL is wrong
    if own < MCP:
        return ok and rank > own
    if own < _REGISTERING:
        return (ok and rank >= own) or rank >= _REGISTERING
    return (ok and rank == own) or rank > own
