"""What would have been told: recorded changes over a new desk, with the clock of the record. Knows no log and no state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from connwatch.alerts.alert import Alert, Notice
from connwatch.alerts.desk import Desk
from connwatch.alerts.mutes import Mutes
from connwatch.alerts.policy import Pace, Policy
from connwatch.model.attempt import Attempt
from connwatch.model.change import Change

__all__ = ["Preview", "preview"]

_CALM = 3600.0  # seconds that the clock runs on after the last change: what waits is told, what is good is told as recovered


@dataclass(slots=True)
class Preview:
    """`notices` in their order; `alerts` everything that went wrong, with reasons; `attempts` as they were last, by id."""

    notices: list[Notice] = field(default_factory=list)
    alerts: dict[int, Alert] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)


def preview(policy: Policy, turns: Iterable[tuple[float, Sequence[Change]]], *, pace: Pace | None = None, mutes: Mutes | None = None) -> Preview:
    """`turns` are changes and when they became known, seconds since the epoch, in order. There is no start, and so no grace."""
    desk = Desk(policy, replace(pace or Pace(), grace=0.0))
    found, against, now = Preview(), mutes or Mutes(), 0.0

    def until(moment: float) -> None:
        while (due := desk.due()) <= moment:
            found.notices += desk.rule(max(due, now), against)
            found.alerts.update((alert.id, alert) for alert in desk.changed())

    for at, changes in turns:
        until(at)
        now = max(now, at)
        desk.hear(changes, now)
        found.attempts.update((change.attempt.id, change.attempt) for change in changes)
    found.alerts.update((alert.id, alert) for alert in desk.changed())
    until(now + _CALM)
    return found
