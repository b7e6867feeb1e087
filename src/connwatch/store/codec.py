"""Records, attempts, steps, alerts and notices as JSON text and back. Knows the shape of the model's classes from their annotations, and no table.

pydantic reads and checks; a row that was damaged is a ValueError, never half an object.
"""

from __future__ import annotations

from pydantic import TypeAdapter

from connwatch.alerts.alert import Alert, Notice
from connwatch.model.attempt import Attempt, Step
from connwatch.model.record import Detail, Request, Trouble

__all__ = [
    "read_alert", "read_attempt", "read_notice", "read_record", "read_step",
    "written_alert", "written_attempt", "written_notice", "written_record", "written_step",
]  # fmt: skip

_RECORDS: dict[str, TypeAdapter[Request] | TypeAdapter[Detail] | TypeAdapter[Trouble]] = {
    "Q": TypeAdapter(Request),
    "D": TypeAdapter(Detail),
    "T": TypeAdapter(Trouble),
}
_KINDS = {Request: "Q", Detail: "D", Trouble: "T"}
_ATTEMPT = TypeAdapter(Attempt)
_STEP = TypeAdapter(Step)
_ALERT = TypeAdapter(Alert)
_NOTICE = TypeAdapter(Notice)


def written_record(record: Request | Detail | Trouble) -> str:
    """The record as text: a letter for its kind, then JSON. Raises nothing for what a parser made."""
    kind = _KINDS[type(record)]
    return kind + _RECORDS[kind].dump_json(record, exclude_defaults=True, warnings=False).decode()  # type: ignore[arg-type]


def read_record(text: str) -> Request | Detail | Trouble:
    """What `written_record` wrote. Raises ValueError."""
    adapter = _RECORDS.get(text[:1])
    if adapter is None:
        raise ValueError(f"no kind of record begins with {text[:1]!r}")
    return adapter.validate_json(text[1:])


def written_attempt(attempt: Attempt) -> str:
    """The attempt with everything that is known of it."""
    return _ATTEMPT.dump_json(attempt, exclude_defaults=True, warnings=False).decode()


def read_attempt(text: str) -> Attempt:
    """What `written_attempt` wrote. Raises ValueError."""
    return _ATTEMPT.validate_json(text)


def written_step(step: Step) -> str:
    """One step."""
    return _STEP.dump_json(step, exclude_defaults=True, warnings=False).decode()


def read_step(text: str) -> Step:
    """What `written_step` wrote. Raises ValueError."""
    return _STEP.validate_json(text)


def written_alert(alert: Alert) -> str:
    """A spell of trouble."""
    return _ALERT.dump_json(alert, exclude_defaults=True, warnings=False).decode()


def read_alert(text: str) -> Alert:
    """What `written_alert` wrote. Raises ValueError."""
    return _ALERT.validate_json(text)


def written_notice(notice: Notice) -> str:
    """A message before it has words."""
    return _NOTICE.dump_json(notice, exclude_defaults=True, warnings=False).decode()


def read_notice(text: str) -> Notice:
    """What `written_notice` wrote. Raises ValueError."""
    return _NOTICE.validate_json(text)
