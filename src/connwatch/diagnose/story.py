"""An attempt told in order: rows for a waterfall, and one sentence that says it all. Plain data; knows nothing of terminals or Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connwatch.diagnose.wording import client_title, plain, seconds
from connwatch.model.attempt import GOOD, Attempt, Outcome
from connwatch.model.event import Actor, Event, Link, Stage

__all__ = ["Row", "headline", "never_came", "rows", "stage_title"]

_TITLES: Final = {
    "challenge": "challenge",
    "resource_metadata": "resource metadata",
    "server_metadata": "authorization server metadata",
    "registration": "registration",
    "authorization": "authorization",
    "consent": "sign-in and consent",
    "token": "token",
    "session": "MCP session",
    "reach": "reaching the server",
}
_ENDED: Final = {
    Outcome.CONNECTED: "connected to {server}",
    Outcome.RECONNECTED: "reconnected to {server} without a new sign-in",
    Outcome.RENEWED: "renewed its token at {server}",
    Outcome.FAILED: "was refused by {server}",
    Outcome.STALLED: "stopped without a word at {server}",
    Outcome.ABANDONED: "was left by its user at {server}",
    Outcome.WAITING: "is waiting at {server}",
    Outcome.PROBE: "only looked at {server}",
    Outcome.BLIND: "cannot be followed at {server}: a source that is needed gives no lines",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One request of an attempt. `offset` is seconds since the attempt began.

    `places` are "source:line", or "source:first-last" for a record of several lines. All texts are safe to show.
    """

    offset: float
    stage: str
    method: str
    path: str
    status: int | None
    actor: Actor
    link: Link
    remark: str
    places: tuple[str, ...]


def rows(attempt: Attempt) -> list[Row]:
    """The requests of an attempt by start time."""
    told: list[Row] = []
    for step in attempt.steps:
        event = step.event
        told.append(
            Row(
                offset=event.started_at - attempt.started_at,
                stage=event.stage.value,
                method=plain(event.method, 10),
                path=plain(event.path, 90),
                status=event.status,
                actor=event.actor,
                link=step.link,
                remark=_remark(event),
                places=tuple(
                    f"{plain(place.source, 60)}:{place.line}" + ("" if place.end_line == place.line else f"-{place.end_line}")
                    for place in event.evidence
                ),
            )
        )
    return told


def stage_title(stage: str) -> str:
    """A stage or "reach" in words."""
    return _TITLES.get(stage, stage.replace("_", " "))


def never_came(attempt: Attempt) -> bool:
    """Whether what it stopped at is a request that never came. One that was refused did come, whatever it was an attempt at."""
    return (
        attempt.stuck_at is not None
        and attempt.outcome not in GOOD
        and attempt.outcome is not Outcome.FAILED
        and not any(state.stage.value == attempt.stuck_at and state.state == "seen" for state in attempt.stages)
    )


def headline(attempt: Attempt) -> str:
    """The attempt in one sentence: who, where, how it ended, why."""
    server = plain(attempt.server, 80) or "the server"
    text = f"{client_title(attempt.client)} {_ENDED[attempt.outcome].format(server=server)}"
    if attempt.stuck_at is not None and attempt.outcome not in GOOD:
        text += f" ({stage_title(attempt.stuck_at)})"
    span = seconds(attempt.ended_at - attempt.started_at)
    text += ", after one request." if len(attempt.steps) == 1 else f", {span} from the first request to the last."
    if text.startswith("the "):  # others are names, which are written as their vendors write them
        text = f"T{text[1:]}"
    if attempt.diagnoses:
        text += f" {attempt.diagnoses[0].summary}"
    return text


def _remark(event: Event) -> str:
    """What the logs add to the status, in a few words."""
    for fact in ("oauth_error", "cause", "mcp_name", "mcp_method"):
        value = event.facts.get(fact)
        if value:
            return plain(value, 60)
    if event.stage is Stage.PREFLIGHT:
        return "preflight"
    return "answered by the proxy itself" if event.upstream in ("-", "") and event.status is not None and event.status >= 300 else ""
