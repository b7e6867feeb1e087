"""One client's try to connect to one server, as far as it can be told. Knows nothing of how events were grouped."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from connwatch.model.diagnosis import Diagnosis
from connwatch.model.event import Event, Link, Stage

__all__ = ["GOOD", "Attempt", "Outcome", "StageState", "Step", "Visibility"]

Visibility = Literal["seen", "not_seen", "not_observable"]


class Outcome(StrEnum):
    """How an attempt ended, or stands."""

    CONNECTED = "connected"
    RECONNECTED = "reconnected"
    RENEWED = "renewed"
    FAILED = "failed"
    STALLED = "stalled"
    ABANDONED = "abandoned"
    WAITING = "waiting"
    PROBE = "probe"
    BLIND = "blind"


GOOD: frozenset[Outcome] = frozenset({Outcome.CONNECTED, Outcome.RECONNECTED, Outcome.RENEWED})


@dataclass(slots=True)
class Step:
    """An event as part of an attempt, and how surely it belongs there."""

    event: Event
    link: Link


@dataclass(slots=True)
class StageState:
    """What is known of one stage: its last answer, or why there is none. Seconds are since the attempt's previous stage."""

    stage: Stage
    state: Visibility
    at: float | None = None
    status: int | None = None
    after_seconds: float | None = None
    reason: str = ""  # why it is not observable


@dataclass(slots=True)
class Attempt:
    """One try. `steps` are ordered by start time; times are seconds since the epoch.

    `entry` is the stage at which it was first seen. `stuck_at` is a stage's value, "reach", or None when good.
    `group` names the ambiguous group that this attempt was settled in by counting, or is ""; `counted` says what became of its token by
    that count, where its own lines cannot say it.
    """

    id: str
    steps: list[Step]
    client: str = "other"
    server: str = ""
    entry: Stage = Stage.CHALLENGE
    outcome: Outcome = Outcome.WAITING
    stuck_at: str | None = None
    started_at: float = 0.0
    ended_at: float = 0.0
    stages: list[StageState] = field(default_factory=list)
    diagnoses: list[Diagnosis] = field(default_factory=list)
    noise: str = ""
    group: str = ""
    counted: Literal["", "used", "unused"] = ""
    previous: str | None = None
    open: bool = False

    @property
    def is_piece(self) -> bool:
        """Whether it is a later piece of an attempt that counting put together: the piece that holds the beginning stands for it in totals."""
        return bool(self.group) and self.group != f"group-{self.id}"
