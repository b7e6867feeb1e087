"""A desk with a clock that a test winds: attempts end well or badly, time passes, and what is told is written down with its time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from connwatch.alerts.alert import Alert, Notice
from connwatch.alerts.desk import Desk
from connwatch.alerts.mutes import Mutes
from connwatch.alerts.policy import Pace, Policy, compile_policy
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.change import Change, Closed, Updated
from connwatch.model.diagnosis import Diagnosis
from connwatch.model.event import Stage
from connwatch.settings.loader import load_catalogue
from support.attempts import T, a_step

START = 1_795_420_800.0  # 2026-11-23T08:00:00Z, a Monday


def policy() -> Policy:
    catalogue = load_catalogue()
    return compile_policy(catalogue.alerts, catalogue.diagnoses)


def an_attempt(
    name: str, outcome: str, code: str, *, client: str, server: str, step: str, began: float, ended: float, heard_by: str = "nginx-proxy"
) -> Attempt:  # fmt: skip
    """An attempt with one request, of which one source told."""
    steps = [a_step(Stage.TOKEN, began - T, "POST /token", 200, f"{heard_by}:1")]
    diagnoses = [Diagnosis(code, 0.7, "It stopped.", "Mend it.", "If it did not stop.")] if code else []
    stuck = step if outcome in ("failed", "stalled", "abandoned") else None
    return Attempt(name, steps, client, server, outcome=Outcome(outcome), stuck_at=stuck, started_at=began, ended_at=ended, diagnoses=diagnoses)


@dataclass
class Days:
    """`now` is seconds after START. `told` holds (seconds, kind, "who code and how many, …") of each message."""

    pace: Pace = field(default_factory=lambda: Pace(grace=0))
    mutes: Mutes = field(default_factory=Mutes)
    now: float = 0.0
    told: list[tuple[float, str, str]] = field(default_factory=list)
    kept: dict[int, Alert] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    troubled: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = Desk(policy(), self.pace, began_at=START)
        self._number = 0

    def ends(
        self, outcome: str, code: str = "", *, client: str = "claude", server: str = "mcp.example.org", step: str = "session",
        name: str = "", took: float = 5.0, ago: float = 0.0, closed: bool = True, heard_by: str = "nginx-proxy",
    ) -> str:  # fmt: skip
        """An attempt that made its last request `ago` seconds ago after `took` seconds. Gives its id."""
        self._number += 1
        ended = START + self.now - ago
        attempt = an_attempt(
            name or f"attempt-{self._number}", outcome, code, client=client, server=server, step=step, began=ended - took, ended=ended,
            heard_by=heard_by,
        )  # fmt: skip
        self.hear(Closed(ended, attempt) if closed else Updated(ended, attempt))
        return attempt.id

    def hear(self, *changes: Change) -> None:
        self.desk.hear(changes, START + self.now)
        self._keep()

    def stalls(self, code: str = "token-unused", **more: object) -> str:
        return self.ends("stalled", code, **more)  # type: ignore[arg-type]

    def connects(self, **more: object) -> str:
        return self.ends("connected", **more)  # type: ignore[arg-type]

    def passes(self, seconds: float) -> None:
        """Time goes on; the desk is asked exactly when it wants to be, and hears every five seconds of sources that are in trouble."""
        end = self.now + seconds
        look = self.now
        while (due := min(self.desk.due() - START, look if self.troubled else math.inf)) <= end:
            self.now = max(self.now, due)
            if self.now >= look:
                for source, code in self.troubled:
                    self.desk.trouble(source, code, START + self.now)
                look = self.now + 5.0
            self._ask()
        self.now = end
        self._ask()

    def restarts(self) -> None:
        """The daemon dies and comes back with what was kept; open attempts are forgotten."""
        alerts = [alert for alert in self.kept.values() if alert.due_at is not None]
        last = max((notice.id for notice in self.notices), default=0)
        self.desk = Desk(policy(), self.pace, began_at=START + self.now, alerts=alerts, last_alert=max(self.kept, default=0), last_notice=last)

    def reasons(self) -> dict[str, list[str]]:
        """Why what was not told, by diagnosis."""
        found: dict[str, list[str]] = {}
        for alert in self.kept.values():
            found.setdefault(alert.key.code, []).extend(alert.reasons)
        return found

    def _ask(self) -> None:
        notices = self.desk.rule(START + self.now, self.mutes)
        self._keep()
        self.notices += notices
        for notice in notices:
            self.told.append((self.now, notice.kind, _said(notice)))

    def _keep(self) -> None:
        self.kept.update((alert.id, alert) for alert in self.desk.changed())


def _said(notice: Notice) -> str:
    return ", ".join(f"{one.key.client or one.key.server} {one.key.code} ×{one.count}" for one in notice.entries)


def kinds(told: Sequence[tuple[float, str, str]]) -> list[str]:
    return [kind for _, kind, _ in told]
