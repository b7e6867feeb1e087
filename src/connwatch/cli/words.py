"""How outcomes, stages, times and durations are worded on a terminal, and their tone. Must not know layouts."""

from __future__ import annotations

from typing import Final

from connwatch.cli.spans import Tone
from connwatch.diagnose.serial import iso
from connwatch.model.attempt import Attempt, Outcome

__all__ = ["OUTCOME_TONES", "clock", "day", "lasting", "percent", "stage_name", "status_tone", "verdict"]

OUTCOME_TONES: Final[dict[Outcome, Tone]] = {
    Outcome.CONNECTED: "good",
    Outcome.RECONNECTED: "good",
    Outcome.RENEWED: "good",
    Outcome.FAILED: "bad",
    Outcome.STALLED: "warn",
    Outcome.ABANDONED: "warn",
    Outcome.WAITING: "wait",
    Outcome.PROBE: "faint",
    Outcome.BLIND: "faint",
}


def stage_name(value: str) -> str:
    """A stage as two plain words: `resource_metadata` becomes `resource metadata`."""
    return value.replace("_", " ")


def verdict(attempt: Attempt) -> str:
    """The outcome, and where it stopped: `stalled at session`."""
    return f"{attempt.outcome.value} at {stage_name(attempt.stuck_at)}" if attempt.stuck_at else attempt.outcome.value


def day(seconds: float) -> str:
    """The day, UTC."""
    return iso(seconds)[:10]


def clock(seconds: float, *, parts: int = 8) -> str:
    """The time of day, UTC; `parts` characters of hh:mm:ss.mmm."""
    return iso(seconds)[11 : 11 + parts]


def lasting(seconds: float) -> str:
    """A duration in the unit that suits it: `310 ms`, `9.8 s`, `4 min 10 s`, `2 h 5 min`, `3 d`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d"


def percent(share: float) -> str:
    """A confidence, without decimals: more would claim more than is known."""
    return f"{share * 100:.0f} %"


def status_tone(status: int | None, *, expected: bool) -> Tone:
    """How an HTTP status looks; `expected` says that this refusal belongs to a good attempt too."""
    if status is None or status < 400 or expected:
        return ""
    return "bad" if status >= 500 else "warn"
