"""Records, attempts, steps, alerts and notices as JSON text and back: which of our classes stand in the state. Knows no table."""

from __future__ import annotations

from connwatch.alerts.alert import Alert, Notice
from connwatch.model.attempt import Attempt, Step
from connwatch.model.record import Detail, Request, Trouble
from connwatch.store.shapes import Shape

__all__ = [
    "read_alert", "read_attempt", "read_notice", "read_record", "read_step",
    "written_alert", "written_attempt", "written_notice", "written_record", "written_step",
]  # fmt: skip

_RECORDS: dict[str, Shape[Request] | Shape[Detail] | Shape[Trouble]] = {"Q": Shape(Request), "D": Shape(Detail), "T": Shape(Trouble)}
_KINDS = {Request: "Q", Detail: "D", Trouble: "T"}
_ATTEMPT = Shape(Attempt)
_STEP = Shape(Step)
_ALERT = Shape(Alert)
_NOTICE = Shape(Notice)


def written_record(record: Request | Detail | Trouble) -> str:
    """The record as text: a letter for its kind, then JSON. Raises nothing for what a parser made."""
    kind = _KINDS[type(record)]
    return kind + _RECORDS[kind].write(record)  # type: ignore[arg-type]


def read_record(text: str) -> Request | Detail | Trouble:
    """What `written_record` wrote. Raises ValueError."""
    shape = _RECORDS.get(text[:1])
    if shape is None:
        raise ValueError(f"no kind of record begins with {text[:1]!r}")
    return shape.read(text[1:])


def written_attempt(attempt: Attempt) -> str:
    """The attempt with everything that is known of it."""
    return _ATTEMPT.write(attempt)


def read_attempt(text: str) -> Attempt:
    """What `written_attempt` wrote. Raises ValueError."""
    return _ATTEMPT.read(text)


def written_step(step: Step) -> str:
    """One step."""
    return _STEP.write(step)


def read_step(text: str) -> Step:
    """What `written_step` wrote. Raises ValueError."""
    return _STEP.read(text)


def written_alert(alert: Alert) -> str:
    """A spell of trouble."""
    return _ALERT.write(alert)


def read_alert(text: str) -> Alert:
    """What `written_alert` wrote. Raises ValueError."""
    return _ALERT.read(text)


def written_notice(notice: Notice) -> str:
    """A message before it has words."""
    return _NOTICE.write(notice)


def read_notice(text: str) -> Notice:
    """What `written_notice` wrote. Raises ValueError."""
    return _NOTICE.read(text)
