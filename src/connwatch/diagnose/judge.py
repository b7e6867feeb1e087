"""What became of an attempt: outcome, where it stopped, why. Knows nothing of how its events were grouped, nor of any clock.

1. A verdict is a pure fold of the attempt's steps, its `now` and the catalogue: arrival order cannot change it.
2. Silence counts only after the limit for it has passed, and only while the sources that would break it can be heard.
3. Where nothing is wrong nothing is explained: an attempt that goes well costs no rules.
"""

from __future__ import annotations

from connwatch.diagnose.book import Book, book_of
from connwatch.diagnose.fold import Fold, fold
from connwatch.diagnose.places import is_cut
from connwatch.diagnose.rules import diagnose
from connwatch.diagnose.states import stage_states
from connwatch.diagnose.verdict import Verdict, decide
from connwatch.diagnose.view import View
from connwatch.model.attempt import Attempt, Outcome, Step
from connwatch.model.event import Event, Stage
from connwatch.rules.catalogue import Catalogue
from connwatch.rules.clients import resolve_family

__all__ = ["deadline", "judge", "patience", "place_in_time", "view_of"]

_MEMO_LIMIT = 4096
_MCP = frozenset({Stage.CHALLENGE, Stage.SESSION, Stage.INITIALIZE, Stage.DISCOVER})


def judge(attempt: Attempt, catalogue: Catalogue, *, now: float | None, deaf: frozenset[str] = frozenset()) -> float | None:
    """Fill in everything of `attempt` that follows from its steps, which are ordered by start time. Returns its deadline at `now`.

    `now` is the watermark in event time (seconds since the epoch), None at the end of the input, when every limit has passed.
    `deaf` names the sources that cannot be heard at present.
    """
    if not attempt.steps:
        return None
    book = book_of(catalogue)
    state, verdict, family = _settle(attempt, book, now)
    attempt.client = family
    attempt.server = _server(attempt)
    place_in_time(attempt)
    attempt.stages = stage_states(state, deaf)
    attempt.outcome = verdict.outcome
    attempt.stuck_at = verdict.stuck
    attempt.diagnoses = []
    if verdict.kind == "noise" or (verdict.outcome is Outcome.WAITING and verdict.due is not None):
        return verdict.due
    if verdict.kind == "good" and not state.standing and not state.explained and not is_cut(state.stream):
        return None
    if verdict.kind == "silence" and deaf and not deaf.isdisjoint(place.source for step in attempt.steps for place in step.event.evidence):
        attempt.outcome = Outcome.BLIND
        return None
    attempt.diagnoses = diagnose(View(attempt, state, verdict, family, book.pace.hosted(family)), book.index)
    return None


def place_in_time(attempt: Attempt) -> None:
    """Fill in where and when the attempt was first seen, and when it ended."""
    first = attempt.steps[0].event
    attempt.entry = Stage.CHALLENGE if first.stage is Stage.SESSION and first.status == 401 else first.stage
    attempt.started_at = first.started_at
    attempt.ended_at = max([step.event.at for step in attempt.steps])


def deadline(attempt: Attempt, catalogue: Catalogue) -> float | None:
    """The next instant (event time) at which silence alone would change the verdict; None when none would."""
    if not attempt.steps:
        return None
    last = max([step.event.at for step in attempt.steps])
    return _settle(attempt, book_of(catalogue), last)[1].due


def patience(event: Event, catalogue: Catalogue) -> float | None:
    """How many seconds after its only event an attempt may still be waiting; None where that is decided at once.

    A flood of attempts that got no further than one request is looked at again and again: the answer is worked out once for all that are alike.
    """
    book = book_of(catalogue)
    facts = event.facts
    alike = (
        event.stage, event.method, event.status, event.client, event.hint, event.authorization, event.coarse, event.noise, event.path,
        facts.get("client_by"), facts.get("hint_by"), facts.get("mcp_method"), "cause" in facts, *(kind for kind, _ in event.keys),
    )  # fmt: skip
    if alike not in book.patience:
        if len(book.patience) >= _MEMO_LIMIT:
            book.patience.clear()
        due = deadline(Attempt("", [Step(event, "exact")]), catalogue)
        book.patience[alike] = None if due is None else due - event.at
    return book.patience[alike]


def view_of(attempt: Attempt, catalogue: Catalogue, now: float | None = None) -> View:
    """The attempt as a diagnosis sees it, for reports. `attempt` must have steps."""
    book = book_of(catalogue)
    state, verdict, family = _settle(attempt, book, now)
    return View(attempt, state, verdict, family, book.pace.hosted(family))


def _settle(attempt: Attempt, book: Book, now: float | None) -> tuple[Fold, Verdict, str]:
    state = fold(attempt.steps)
    family = resolve_family([step.event for step in attempt.steps])
    return state, decide(attempt, state, family, book.pace, now), family


def _server(attempt: Attempt) -> str:
    """The host of the MCP endpoint: where MCP requests went, else the host that most requests named."""
    hosts: dict[str, int] = {}
    for step in attempt.steps:
        event = step.event
        if event.host:
            if event.stage in _MCP:
                return event.host
            hosts[event.host] = hosts.get(event.host, 0) + (2 if event.stage is Stage.RESOURCE_METADATA else 1)
    return max(hosts, key=lambda host: hosts[host]) if hosts else ""
