"""Attempts and changes as plain dictionaries that `json.dumps` takes: the one written form that programs may rely on.

`attempt_row` is the published contract `connwatch.attempt/1`; its keys are fixed, a new meaning needs a new number.
`attempt_detail` adds what the page and the API show beside it, under keys of their own, so that a reader of the contract can read both.
Must not know who asks: no command line, no web, no time zone but UTC. Values were redacted at the parser's edge and pass through unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from connwatch.model.attempt import Attempt, StageState, Step
from connwatch.model.change import Change, Reached
from connwatch.model.diagnosis import Diagnosis
from connwatch.model.heard import Heard
from connwatch.model.mark import Gap, Mark

__all__ = ["CHANGE_SCHEMA", "SCHEMA", "attempt_detail", "attempt_row", "change_row", "heard_row", "iso", "mark_rows"]

SCHEMA = "connwatch.attempt/1"
CHANGE_SCHEMA = "connwatch.change/1"

_LAST = 253_402_300_799.999  # 9999-12-31T23:59:59.999Z, the last moment that ISO 8601 writes with four digits


def iso(seconds: float) -> str:
    """Seconds since the epoch as `2026-11-23T07:51:06.510Z`. A time outside the years 1970 to 9999 is brought to the nearer end."""
    bounded = min(max(seconds, 0.0), _LAST) if seconds == seconds else 0.0  # a NaN is the one value that differs from itself
    moment = datetime.fromtimestamp(round(bounded * 1000) / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def attempt_row(attempt: Attempt) -> dict[str, Any]:
    """The attempt as `replay --json` prints it."""
    return {
        "schema": SCHEMA,
        "id": attempt.id,
        "client": attempt.client,
        "server": attempt.server,
        "entry": attempt.entry.value,
        "outcome": attempt.outcome.value,
        "stuck_at": attempt.stuck_at,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "stages": [_stage(state) for state in attempt.stages],
        "diagnoses": [_diagnosis(diagnosis) for diagnosis in attempt.diagnoses],
        "events": [row for step in attempt.steps for row in _events(step)],
    }


def attempt_detail(attempt: Attempt) -> dict[str, Any]:
    """`attempt_row`, and beside it what a page needs to draw the attempt: requests, reasons, checks, references."""
    row = attempt_row(attempt)
    row["open"] = attempt.open
    row["group"] = attempt.group
    row["noise"] = attempt.noise
    row["previous"] = attempt.previous
    for stage, state in zip(row["stages"], attempt.stages, strict=True):
        stage["reason"] = state.reason
    for written, diagnosis in zip(row["diagnoses"], attempt.diagnoses, strict=True):
        written["checks"] = list(diagnosis.checks)
        written["see"] = list(diagnosis.see)
    row["steps"] = [_request(step) for step in attempt.steps]
    return row


def change_row(change: Change) -> dict[str, Any]:
    """A change as one object: what kind, when (event time), and the attempt as it stands after it."""
    row: dict[str, Any] = {
        "schema": CHANGE_SCHEMA,
        "change": type(change).__name__.lower(),
        "at": iso(change.at),
        "attempt": attempt_detail(change.attempt),
    }
    if isinstance(change, Reached):
        row["step"] = _request(change.step)
    return row


def mark_rows(marks: Iterable[Mark], gaps: Iterable[tuple[str, Gap]]) -> list[dict[str, Any]]:
    """What happened around the logs, in the order of time. A gap has an end in `until` and its reason in `detail`."""
    rows = [{"at": iso(one.at), "until": None, "source": one.source, "what": one.what, "detail": one.detail} for one in marks]
    rows += [{"at": iso(gap.start), "until": iso(gap.end), "source": source, "what": "gap", "detail": gap.reason} for source, gap in gaps]
    return sorted(rows, key=lambda row: str(row["at"]))


def heard_row(heard: Heard) -> dict[str, Any]:
    """A request that was only just read, in the shape of a change "heard": its attempt has no id yet, and nothing but client and server."""
    at = iso(heard.at)
    place = {"source": heard.source, "line": heard.line, "end_line": heard.line}
    step = {
        "stage": heard.stage.value,
        "started_at": at,
        "at": at,
        "method": heard.method,
        "path": heard.path,
        "status": heard.status,
        "link": "exact",
        "evidence": [place],
    }
    attempt = {
        "id": "",
        "client": heard.client,
        "server": heard.server,
        "outcome": "waiting",
        "stuck_at": None,
        "started_at": at,
        "ended_at": at,
        "events": [{**place, "stage": heard.stage.value, "status": heard.status}],
    }
    return {"schema": CHANGE_SCHEMA, "change": "heard", "at": at, "attempt": attempt, "step": step}


def _stage(state: StageState) -> dict[str, Any]:
    return {
        "stage": state.stage.value,
        "at": None if state.at is None else iso(state.at),
        "status": state.status,
        "state": state.state,
        "after_seconds": None if state.after_seconds is None else round(state.after_seconds, 3),
    }


def _diagnosis(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "code": diagnosis.code,
        "confidence": round(diagnosis.confidence, 2),
        "summary": diagnosis.summary,
        "remedy": diagnosis.remedy,
        "refuted_by": diagnosis.refuted_by,
        "evidence": [{"source": place.source, "line": place.line} for place in diagnosis.evidence],
    }


def _events(step: Step) -> list[dict[str, Any]]:
    """One object for each place that tells of the event: a request that both logs hold has two."""
    event = step.event
    return [
        {
            "source": place.source,
            "line": place.line,
            "end_line": place.end_line,
            "stage": event.stage.value,
            "status": event.status,
            "link": step.link,
        }
        for place in event.evidence
    ]


def _request(step: Step) -> dict[str, Any]:
    event = step.event
    return {
        "stage": event.stage.value,
        "started_at": iso(event.started_at),
        "at": iso(event.at),
        "method": event.method,
        "path": event.path,
        "status": event.status,
        "actor": event.actor,
        "duration": event.duration,
        "link": step.link,
        "evidence": [{"source": place.source, "line": place.line, "end_line": place.end_line} for place in event.evidence],
    }
