"""The engine's only output: what became different. Consumers (metrics, tail, journal) read these and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from connwatch.model.attempt import Attempt, Step

__all__ = ["Change", "Closed", "Evicted", "Opened", "Reached", "Updated", "Withdrawn"]


@dataclass(slots=True)
class Opened:
    """A new attempt is visible. Times in changes are event time, seconds since the epoch."""

    at: float
    attempt: Attempt


@dataclass(slots=True)
class Reached:
    """A step was added to an attempt."""

    at: float
    attempt: Attempt
    step: Step


@dataclass(slots=True)
class Updated:
    """Outcome, place or diagnosis of an open attempt changed (a stall, a recovery, a revised link)."""

    at: float
    attempt: Attempt


@dataclass(slots=True)
class Closed:
    """The attempt is final: nothing that arrives within the lateness can change it."""

    at: float
    attempt: Attempt


@dataclass(slots=True)
class Evicted:
    """An attempt was closed early, because the bound on open attempts was reached."""

    at: float
    attempt: Attempt


@dataclass(slots=True)
class Withdrawn:
    """What was shown as this attempt while it was open proved to be part of another one: forget it."""

    at: float
    attempt: Attempt


Change = Opened | Reached | Updated | Closed | Evicted | Withdrawn
