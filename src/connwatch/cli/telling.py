"""Changes as lines: what happened, to whom, when. Takes the written form of a change, so that a daemon's stream and an engine in this
process look alike. Must not know where changes come from, nor what a terminal can do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connwatch.cli.spans import Line, Span, Tone, padded
from connwatch.cli.words import OUTCOME_TONES, lasting, percent, stage_name, status_tone
from connwatch.model.attempt import Outcome
from connwatch.model.selection import fits

__all__ = ["Chosen", "current_line", "final_line", "step_line"]

Row = Mapping[str, Any]
_CLIENT, _SERVER, _STAGE = 11, 24, 18


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which changes the user wants to see; an empty part chooses all. Clients and servers may be globs. `since` in seconds since the epoch."""

    clients: Sequence[str] = ()
    servers: Sequence[str] = ()
    stages: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: float | None = None

    def attempt(self, attempt: Row) -> bool:
        """Whether the attempt is one of those. Probes are shown to those who ask for them."""
        outcome = attempt["outcome"]
        return (
            fits(attempt["client"], self.clients)
            and fits(attempt["server"], self.servers)
            and (outcome in self.outcomes if self.outcomes else outcome != Outcome.PROBE.value)
            and (not self.stages or attempt["stuck_at"] in self.stages or any(one["stage"] in self.stages for one in attempt["events"]))
            and (self.since is None or _seconds(attempt["ended_at"]) >= self.since)
        )

    def step(self, step: Row) -> bool:
        """Whether a step is of the stages asked for."""
        return not self.stages or step["stage"] in self.stages


def _seconds(written: str) -> float:
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return 0.0


def step_line(attempt: Row, step: Row) -> Line:
    """One request of an attempt."""
    status = step["status"]
    expected = step["stage"] in ("challenge", "resource_metadata", "server_metadata")
    mark = "" if step["link"] == "exact" else " ~" if step["link"] == "inferred" else " ?"
    return [
        *_who(step["started_at"], attempt),
        (padded(stage_name(step["stage"]), _STAGE), ""),
        (padded("-" if status is None else str(status), 4), status_tone(status, expected=expected)),
        (f"{step['method']} {step['path']}{mark}", "faint"),
    ]


def final_line(attempt: Row, at: str) -> Line:
    """How an attempt ended."""
    tone = _tone(attempt["outcome"])
    line: list[Span] = [*_who(at, attempt), (_verdict(attempt), tone)]
    took = _seconds(attempt["ended_at"]) - _seconds(attempt["started_at"])
    line.append((f"  after {lasting(took)}", "faint"))
    return [*line, *_why(attempt)]


def current_line(attempt: Row, now: float) -> Line:
    """An open attempt as it stands: the stages it has come to, and for how long nothing has come."""
    seen = [stage_name(state["stage"]) for state in attempt["stages"] if state["state"] == "seen"]
    silent = now - _seconds(attempt["ended_at"])
    line: list[Span] = [*_who(attempt["started_at"], attempt), (" › ".join(seen) or "-", "")]
    if attempt["outcome"] != Outcome.WAITING.value:
        line.append((f"  {_verdict(attempt)}", _tone(attempt["outcome"])))
    if silent >= 2:
        line.append((f"  {lasting(silent)} ago", "faint"))
    return [*line, *_why(attempt)]


def _who(at: str, attempt: Row) -> list[Span]:
    return [
        (f"{at[11:19]} ", "faint"),
        (f"{attempt['id'][:10]} ", "strong"),
        (padded(attempt["client"], _CLIENT) + " ", ""),
        (padded(attempt["server"] or "-", _SERVER) + " ", "faint"),
    ]


def _verdict(attempt: Row) -> str:
    place = f" at {stage_name(attempt['stuck_at'])}" if attempt["stuck_at"] else ""
    return f"{attempt['outcome']}{place}"


def _why(attempt: Row) -> list[Span]:
    if not attempt["diagnoses"]:
        return []
    first = attempt["diagnoses"][0]
    return [(f"  {first['code']}", ""), (f" {percent(first['confidence'])}", "faint")]


def _tone(outcome: str) -> Tone:
    return next((tone for known, tone in OUTCOME_TONES.items() if known.value == outcome), "")
