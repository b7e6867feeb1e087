"""The desk: takes what goes wrong and what goes well, and says what is told, when, once. No clock: every call says what time it is.

1. Attempts that are the same news (client, server, step, diagnosis) are one alert; alerts with one cause go into one message. It waits a little,
   so that six attempts broken by one thing are one message, and so that what mends itself is none.
2. What was told is not told again, until it went on for hours. That it works again is told once, and only after a later attempt of that client at
   that server succeeded. What comes and goes is told as that, and then not until it is steady.
3. Whatever is not told has a named reason, which is kept with the alert.
4. The number of alerts is bounded: beyond `MOST`, and at servers that nobody knows, those that differ in who and where become one for each diagnosis.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from connwatch.alerts.alert import ANYWHERE, ATTEMPTS_KEPT, SOURCE_STEP, Alert, Entry, Key, Notice, Reason
from connwatch.alerts.mutes import Mutes, heard_by
from connwatch.alerts.places import Places
from connwatch.alerts.policy import AlertRule, Pace, Policy
from connwatch.alerts.spell import Spells
from connwatch.model.attempt import GOOD, Attempt
from connwatch.model.change import Change, Closed, Evicted, Updated, Withdrawn

__all__ = ["MOST", "Desk"]

MOST: Final = 1000
ANYBODY: Final = "other"
_STILL: Final = 60.0  # seconds within which a source's trouble must have been said again to be going on
_OF_SOURCES: Final = AlertRule("source", "high", "What cannot be read cannot be watched.", recovered_by=())


class Desk:
    """`began_at` is when the daemon began, seconds since the epoch. `alerts` are those that were not over when the last desk closed, `counted`
    the open attempts that they had counted; `good` the attempts that went well of late. Numbers go on after `last_alert` and `last_notice`.
    """

    def __init__(
        self,
        policy: Policy,
        pace: Pace | None = None,
        *,
        began_at: float = -math.inf,
        alerts: Iterable[Alert] = (),
        counted: Iterable[Attempt] = (),
        good: Iterable[Attempt] = (),
        last_alert: int = 0,
        last_notice: int = 0,
    ) -> None:
        self._policy, self._pace = policy, pace or Pace()
        self._spells, self._places = Spells(alerts, last_alert), Places()
        self._quiet_until = began_at + self._pace.grace
        self._good: dict[tuple[str, str], tuple[float, str]] = {}  # the last success: when it began, how
        self._counted = {attempt.id: self._key(attempt) for attempt in counted if policy.of(attempt) is not None}
        for attempt in good:
            self._remember(attempt)
        self._last_notice = last_notice

    def set_back(self, seconds: float) -> None:
        """The clock was set back by so much: what was due in a minute is due in a minute."""
        self._spells.set_back(seconds)
        self._quiet_until -= seconds
        self._good = {who: (began - seconds, how) for who, (began, how) in self._good.items()}

    def hear(self, changes: Sequence[Change], now: float) -> None:
        """What became different with attempts."""
        for change in changes:
            attempt = change.attempt
            if isinstance(change, Withdrawn):
                self._retract(attempt.id, now, withdrawn=True)
            elif isinstance(change, Updated | Closed | Evicted) and not attempt.is_piece:
                rule = self._policy.of(attempt)
                if rule is not None:
                    self._bad(attempt, rule, now)
                else:
                    again = self._retract(attempt.id, now)
                    if attempt.outcome in GOOD:
                        self._well(attempt, now, itself=again)
                if isinstance(change, Closed | Evicted):
                    self._counted.pop(attempt.id, None)

    def trouble(self, source: str, code: str, now: float, detail: str = "", since: float | None = None) -> None:
        """A source is deaf or silent (`code`); to be said again and again while it is. `detail` is what it says itself, `since` when it began."""
        key = Key("", source, SOURCE_STEP, code)
        alert = self._spells.get(key)
        if alert is None or alert.state == "over":
            alert = self._spells.begin(key, _OF_SOURCES, now if since is None else since)
        if alert.count == 0 or alert.good_at is not None:
            alert.detail = detail
            self._count(alert, _OF_SOURCES, now, now)
        alert.last_at = now

    def relief(self, source: str, code: str, now: float) -> None:
        """The source is well again."""
        alert = self._spells.get(Key("", source, SOURCE_STEP, code))
        if alert is not None:
            self._mend(alert, now, now)

    def renew(self, policy: Policy, pace: Pace) -> None:
        """Go on under another policy; what was decided stays."""
        self._policy, self._pace = policy, pace

    def due(self) -> float:
        """When `rule` has something to do next, seconds since the epoch; infinity: not before something happens."""
        return self._spells.soonest

    def open(self) -> list[Alert]:
        """What has been told and is not over."""
        return [alert for alert in self._spells if alert.state in ("told", "recovering", "flapping")]

    def reasons(self) -> Mapping[Reason, int]:
        """How often each reason was given since the desk began."""
        return self._spells.reasons

    def changed(self) -> list[Alert]:
        """The alerts that are another than when this was last asked."""
        return self._spells.changed()

    def _bad(self, attempt: Attempt, rule: AlertRule, now: float) -> None:
        key = self._key(attempt)
        before = self._counted.get(attempt.id)
        if before == key:
            return
        if before is not None:
            told = self._spells.get(before)
            if told is not None and told.state in ("told", "recovering", "flapping"):
                return  # under another name; who was told of an attempt is not told again what it is called now
            self._retract(attempt.id, now)
        self._counted[attempt.id] = key
        alert = self._spells.get(key)
        if alert is None or alert.state == "over":
            alert = self._spells.begin(key, rule, attempt.ended_at)
        alert.attempts = [*alert.attempts, attempt.id][-ATTEMPTS_KEPT:]
        alert.heard_by = heard_by(attempt) if attempt.outcome.value == "stalled" else []
        good = self._good.get((attempt.client, attempt.server))
        if good is not None and good[0] > attempt.ended_at and good[1] in rule.recovered_by:
            alert.count += 1
            self._spells.note(alert, "recovered", now)
            self._spells.touch(alert, alert.due_at)
            if alert.count == 1:
                self._spells.end(alert)
            return
        self._count(alert, rule, attempt.ended_at, now)

    def _count(self, alert: Alert, rule: AlertRule, at: float, now: float) -> None:
        pace = self._pace
        alert.count += 1
        alert.first_at, alert.last_at = min(alert.first_at, at), max(alert.last_at, at)
        state = alert.state
        if rule.severity == "never":
            self._spells.note(alert, "never", now, rule.reason)
            self._spells.put(alert, "noted", now + pace.forget)
        elif state == "flapping":
            alert.good_at = None
            self._spells.note(alert, "flapping", now)
            self._spells.put(alert, "flapping", now + pace.calm)
        elif state in ("told", "recovering"):
            alert.good_at = None
            if alert.told_at is not None and now - alert.told_at >= pace.repeat:
                self._spells.put(alert, "waiting", now + pace.wait)
            else:
                self._spells.note(alert, "already-told", now)
                self._spells.put(alert, "told", self._lapse(alert, now))
        elif state != "waiting":
            self._begin(alert, rule, at, now)
        else:
            self._spells.touch(alert, alert.due_at)

    def _begin(self, alert: Alert, rule: AlertRule, at: float, now: float) -> None:
        """Something that nobody knows of."""
        pace = self._pace
        kin = [one for one in self._spells if one.key.cause == alert.key.cause and one.state in ("held", "muted")]
        if rule.severity == "low":
            alert.recent = [*alert.recent, at][-rule.repeat :]
            if sum(at - rule.within <= moment <= at + rule.within for one in kin for moment in one.recent) < rule.repeat:
                self._spells.note(alert, "first-of-its-kind", now)
                self._spells.put(alert, "held", now + rule.within)
                return
        due = now + pace.wait
        told = max((one.told_at for one in self._spells if one.key.cause == alert.key.cause and one.told_at is not None), default=-math.inf)
        due = max(due, told + pace.again)
        if due < self._quiet_until:
            due = self._quiet_until
            self._spells.note(alert, "grace", now)
        for one in (alert, *(one for one in kin if one.state == "held")):
            self._spells.put(one, "waiting", due)

    def _well(self, attempt: Attempt, now: float, *, itself: Key | None) -> None:
        """A client got through. `itself`: under what this very attempt had been counted as bad."""
        self._remember(attempt)
        who, name = (attempt.client, attempt.server), attempt.outcome.value
        for alert in self._spells:
            later = attempt.started_at > alert.last_at or alert.key == itself
            if later and (alert.key.client, alert.key.server) == who and name in self._rule_of(alert).recovered_by:
                self._mend(alert, attempt.ended_at, now)

    def _remember(self, attempt: Attempt) -> None:
        who = attempt.client, attempt.server
        self._places.went_well(attempt)
        if len(self._good) >= 2 * MOST and who not in self._good:
            self._good.pop(next(iter(self._good)))
        began, _ = self._good.get(who, (-math.inf, ""))
        if attempt.started_at > began:
            self._good[who] = attempt.started_at, attempt.outcome.value

    def _mend(self, alert: Alert, at: float, now: float) -> None:
        if alert.state in ("told", "recovering", "flapping"):
            if alert.good_at is None:  # from the first success on: those after it prove no more
                alert.good_at = at
                flaps = alert.state == "flapping"
                self._spells.put(alert, "flapping" if flaps else "recovering", now + (self._pace.calm if flaps else self._pace.wait))
        elif alert.state in ("held", "waiting", "muted"):
            alert.good_at = at
            self._spells.note(alert, "recovered", now)
            self._spells.end(alert)

    def _retract(self, name: str, now: float, *, withdrawn: bool = False) -> Key | None:
        """An attempt that was counted is not bad after all."""
        key = self._counted.pop(name, None)
        alert = self._spells.get(key) if key is not None else None
        if alert is not None and alert.state != "over":
            alert.count -= 1
            if name in alert.attempts and alert.count:
                alert.attempts.remove(name)
            if alert.count == 0 and alert.state in ("noted", "held", "waiting", "muted"):
                self._spells.note(alert, "withdrawn" if withdrawn else "recovered", now)
                self._spells.end(alert)
            else:
                self._spells.touch(alert, alert.due_at)
        return key

    def _key(self, attempt: Attempt) -> Key:
        code = attempt.diagnoses[0].code if attempt.diagnoses else "unexplained"
        key = Key(attempt.client, attempt.server, attempt.stuck_at or "nowhere", code)
        if self._spells.get(key) is not None or (len(self._spells) < MOST and self._places.may_have_its_own(key.server, self._spells)):
            return key
        return Key(ANYBODY, ANYWHERE, key.step, code)

    def rule(self, now: float, mutes: Mutes) -> list[Notice]:
        """Decide about everything that is due."""
        notices: list[Notice] = []
        for alerts in self._spells.due(now).values():
            told: list[tuple[str, Alert]] = []
            for alert in alerts:
                if alert.state == "waiting":
                    if not self._is_against(alert, now, mutes):
                        told.append((self._tell(alert, now), alert))
                elif alert.state == "recovering" or (alert.state == "flapping" and alert.good_at is not None):
                    told.append(("recovered", alert))
                    alert.told = [] if alert.state == "flapping" else alert.told
                    self._spells.end(alert)
                elif alert.state == "flapping":
                    self._spells.put(alert, "told", self._lapse(alert, now))
                elif alert.key.about_source and now - alert.last_at < _STILL:
                    self._spells.put(alert, "waiting", now)
                else:
                    if alert.state not in ("noted", "held"):
                        self._spells.note(alert, "quiet", now)
                    self._spells.end(alert)
            notices += [self._notice(kind, now, [one for how, one in told if how == kind]) for kind in dict.fromkeys(how for how, _ in told)]
        return notices

    def _is_against(self, alert: Alert, now: float, mutes: Mutes) -> bool:
        against = mutes.against(alert, now, self._pace.stale)
        if against is None and not alert.key.about_source:
            worse = next((one for one in self._spells if one.key.server == alert.key.server and self._breaks_all(one, alert.last_at)), None)
            if worse is not None and worse.key.code != alert.key.code:
                against = "inhibited", worse.key.code
        if against is not None:
            self._spells.note(alert, against[0], now, against[1])
            self._spells.put(alert, "muted", now + (self._pace.wait if alert.key.about_source else self._pace.forget))
        return against is not None

    def _breaks_all(self, alert: Alert, at: float) -> bool:
        return alert.state in ("waiting", "told", "muted", "flapping") and alert.last_at >= at - self._pace.again and self._rule_of(alert).mutes

    def _rule_of(self, alert: Alert) -> AlertRule:
        """The entry that it came under; that of sources where the catalogue has lost it."""
        return self._policy.by_id.get(alert.rule, _OF_SOURCES)

    def _tell(self, alert: Alert, now: float) -> str:
        again = alert.told_at is not None
        alert.told_at = now
        if not again:
            alert.told = [*(moment for moment in alert.told if moment > now - self._pace.flap_within), now]
            if len(alert.told) > self._pace.flaps:
                self._spells.put(alert, "flapping", now + self._pace.calm)
                return "flapping"
        self._spells.put(alert, "told", self._lapse(alert, now))
        return "again" if again else "stopped"

    def _lapse(self, alert: Alert, now: float) -> float:
        """When something that was told is looked at again if nothing happens: a source's trouble goes on by itself, attempts do not."""
        return (alert.told_at or now) + self._pace.repeat if alert.key.about_source else now + self._pace.forget

    def _notice(self, kind: str, now: float, alerts: list[Alert]) -> Notice:
        self._last_notice += 1
        entries = [Entry(one.id, one.key, one.count, one.first_at, one.last_at, list(one.attempts), one.detail, len(one.told)) for one in alerts]
        severity = "high" if any(one.severity == "high" for one in alerts) else "low"
        return Notice(self._last_notice, now, kind, severity, entries)  # type: ignore[arg-type]
