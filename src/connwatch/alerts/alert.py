"""What is kept of one thing that goes wrong, and what a message says of it. Plain data, written into the state; knows no rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal, NamedTuple

from connwatch.alerts.policy import Weight
from connwatch.alerts.text import Severity

__all__ = ["ANYWHERE", "ATTEMPTS_KEPT", "REASONS", "SOURCE_STEP", "Alert", "Entry", "Key", "Kind", "Notice", "Reason", "State", "Tally"]

SOURCE_STEP: Final = "source"
"""The step of alerts about a source of ours; their `server` is the source's name."""
ANYWHERE: Final = "several servers"
"""The `server` of alerts about more servers than get alerts of their own."""
ATTEMPTS_KEPT: Final = 5

State = Literal["noted", "held", "waiting", "muted", "told", "recovering", "flapping", "over"]
"""noted: never told; held: of low severity, and not often enough yet; waiting: will be told when it is due; muted: was due, and a reason was
against it; told; recovering: told, and good since, which is told when it lasts; flapping: came and went too often; over.
"""
Kind = Literal["stopped", "again", "recovered", "flapping"]
Reason = Literal[
    "never", "first-of-its-kind", "grace", "already-told", "silenced", "maintenance", "inhibited", "restarting", "source-deaf", "recovered", "stale",
    "flapping", "withdrawn", "quiet",
]  # fmt: skip
REASONS: Final[dict[str, str]] = {
    "never": "nobody is told of such attempts",
    "first-of-its-kind": "of low severity, and not often enough within its time",
    "grace": "put off until the daemon had run for its first moments",
    "already-told": "a message had told of it before",
    "silenced": "a silence was in force",
    "maintenance": "it was a maintenance window",
    "inhibited": "something that breaks every attempt at this server was going on",
    "restarting": "it happened while a container was restarted",
    "source-deaf": "a source was unreadable, so that silence proved nothing",
    "recovered": "it was good again before it was due",
    "stale": "it was over for too long when it became known",
    "flapping": "it came and went too often",
    "withdrawn": "what looked like an attempt was part of another",
    "quiet": "nothing was heard of it any more",
}
"""Why something was not told, or not at once. Shown by `connwatch notifications`, and the label `reason` of the metrics."""


class Key(NamedTuple):
    """What makes two attempts the same news."""

    client: str
    server: str
    step: str
    code: str

    def fits(self, *, client: str = "*", server: str = "*", code: str = "*") -> bool:
        """Whether globs over these, compared without case, take it."""
        pairs = (self.client, client), (self.server, server), (self.code, code)
        return all(fnmatchcase(value.lower(), pattern.lower()) for value, pattern in pairs)

    @property
    def cause(self) -> tuple[str, str, str]:
        """What goes into one message, whoever is hit by it. All about servers that nobody knows goes into one."""
        if self.server == ANYWHERE:
            return ANYWHERE, "", ""
        return self.server, self.step, self.code

    @property
    def about_source(self) -> bool:
        """Whether it is a source of ours that is in trouble, not an attempt."""
        return self.step == SOURCE_STEP


@dataclass(slots=True)
class Tally:
    """How often, and between which times (seconds since the epoch), a reason was given."""

    first_at: float
    last_at: float
    count: int = 1
    detail: str = ""


@dataclass(slots=True)
class Alert:
    """One spell of trouble: from its first attempt until it is over. Times in seconds since the epoch.

    `first_at` and `last_at` are when its attempts made their last requests, `due_at` when it must be looked at again. `count` are the attempts,
    `told` the times at which a message began with it, spells before this one included; `attempts` the ids of the last few. `heard_by`: the
    sources that told of the last one, where it ended in silence; none where it was refused. `good_at`: when a later attempt succeeded.
    `detail`: what a source says of its trouble.
    """

    id: int
    key: Key
    rule: str
    severity: Weight
    first_at: float
    last_at: float
    state: State = "held"
    count: int = 0
    due_at: float | None = None
    told_at: float | None = None
    good_at: float | None = None
    heard_by: list[str] = field(default_factory=list)
    detail: str = ""
    told: list[float] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)
    reasons: dict[str, Tally] = field(default_factory=dict)

    def set_back(self, seconds: float) -> None:
        """The clock was set back by so much: what lies between these times stays what it is."""
        self.first_at, self.last_at = self.first_at - seconds, self.last_at - seconds
        self.due_at, self.told_at, self.good_at = (None if at is None else at - seconds for at in (self.due_at, self.told_at, self.good_at))
        self.told, self.recent = [at - seconds for at in self.told], [at - seconds for at in self.recent]


@dataclass(slots=True)
class Entry:
    """What a message says of one alert. `count` attempts since it began; `attempts` are the latest few, the last one last.

    `flaps`: how often it was told as something new within the time in which that is watched.
    """

    alert: int
    key: Key
    count: int
    first_at: float
    last_at: float
    attempts: list[str] = field(default_factory=list)
    detail: str = ""
    flaps: int = 0


@dataclass(slots=True)
class Notice:
    """One message, before it has words. `at` in seconds since the epoch; the entries share one cause."""

    id: int
    at: float
    kind: Kind
    severity: Severity
    entries: list[Entry]
