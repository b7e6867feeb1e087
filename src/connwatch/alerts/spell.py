"""The alerts of the desk by their keys: which is due when, and which have changed. Decides nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from connwatch.alerts.alert import Alert, Key, Reason, State, Tally
from connwatch.alerts.policy import AlertRule

__all__ = ["Spells"]

_REMEMBERED = 3600.0  # seconds for which what is over is kept in mind, because it may come again


class Spells:
    """`alerts` as they were kept; new ones get numbers after `last`."""

    def __init__(self, alerts: Iterable[Alert], last: int) -> None:
        self._alerts = {alert.key: alert for alert in alerts}
        self._last = last
        self.reasons: Counter[Reason] = Counter()  # how often each was given
        self._changed: dict[int, Alert] = {}
        self.soonest = min((alert.due_at for alert in self._alerts.values() if alert.due_at is not None), default=math.inf)

    def __iter__(self) -> Iterator[Alert]:
        return iter(list(self._alerts.values()))

    def __len__(self) -> int:
        return len(self._alerts)

    def get(self, key: Key) -> Alert | None:
        """The present alert of a key, or the last one that is over."""
        return self._alerts.get(key)

    def begin(self, key: Key, rule: AlertRule, at: float) -> Alert:
        """A new spell. When the ones before were told is remembered."""
        before = self._alerts.get(key)
        self._last += 1
        alert = Alert(self._last, key, rule.id, rule.severity, at, at, told=[] if before is None else before.told)
        self._alerts[key] = alert
        return alert

    def note(self, alert: Alert, reason: Reason, now: float, detail: str = "") -> None:
        """Write down why it is not told now."""
        self.reasons[reason] += 1
        tally = alert.reasons.get(reason)
        if tally is None:
            alert.reasons[reason] = Tally(now, now, detail=detail)
        else:
            tally.last_at, tally.count, tally.detail = now, tally.count + 1, detail

    def put(self, alert: Alert, state: State, due: float) -> None:
        """Into a state, until then at the latest."""
        alert.state = state
        self.touch(alert, due)

    def touch(self, alert: Alert, due: float | None) -> None:
        """It has changed."""
        alert.due_at = due
        if due is not None:
            self.soonest = min(self.soonest, due)
        self._changed[alert.id] = alert

    def end(self, alert: Alert) -> None:
        """It is over. It stays in mind for an hour where a message told of it."""
        alert.state = "over"
        self._changed[alert.id] = alert
        if alert.told:
            self.touch(alert, alert.told[-1] + _REMEMBERED)
        else:
            alert.due_at = None
            self._alerts.pop(alert.key, None)

    def due(self, now: float) -> dict[tuple[str, str, str], list[Alert]]:
        """What is due, by cause; an alert that waits comes along with another one of its cause. What is over goes out of mind here."""
        found: dict[tuple[str, str, str], list[Alert]] = {}
        if self.soonest > now:
            return found
        for alert in self:
            if alert.due_at is not None and alert.due_at <= now:
                if alert.state == "over":
                    del self._alerts[alert.key]
                    alert.due_at = None
                else:
                    found.setdefault(alert.key.cause, []).append(alert)
        told = {cause for cause, alerts in found.items() if any(one.state == "waiting" for one in alerts)}
        for alert in self:
            if alert.state == "waiting" and alert.key.cause in told and alert not in found[alert.key.cause]:
                found[alert.key.cause].append(alert)
        self.soonest = math.inf  # what is told gets a new time; what is not due keeps its own
        for alert in self._alerts.values():
            if alert.due_at is not None and alert.due_at > now:
                self.soonest = min(self.soonest, alert.due_at)
        return found

    def set_back(self, seconds: float) -> None:
        """The clock was set back by so much."""
        for alert in self._alerts.values():
            alert.set_back(seconds)
            self._changed[alert.id] = alert
        self.soonest -= seconds

    def changed(self) -> list[Alert]:
        """What has changed since this was last asked."""
        changed, self._changed = list(self._changed.values()), {}
        return changed
