"""What became of an attempt: outcome, where it stopped, why. Knows nothing of how its events were grouped, nor of any clock.

1. A verdict is a pure fold of the attempt's steps, its `now` and the catalogue: arrival order cannot change it.
2. Silence counts only after the limit for it has passed, and only while the sources that would break it can be heard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connwatch.model.attempt import Outcome

if TYPE_CHECKING:
    from connwatch.model.attempt import Attempt
    from connwatch.rules.catalogue import Catalogue

__all__ = ["deadline", "judge"]


def judge(attempt: Attempt, catalogue: Catalogue, *, now: float | None, deaf: frozenset[str] = frozenset(), late_ok: bool = True) -> None:
    """Fill in everything of `attempt` that follows from its steps.

    `now` is the watermark in event time (seconds since the epoch), None at the end of the input, when every limit has passed.
    `deaf` names the sources that cannot be heard at present.
    """
    if not attempt.steps:
        return
    attempt.server = attempt.steps[0].event.host or ""
    attempt.started_at = attempt.steps[0].event.started_at
    attempt.ended_at = max(step.event.at for step in attempt.steps)
    attempt.outcome = Outcome.PROBE if attempt.noise else Outcome.WAITING


def deadline(attempt: Attempt, catalogue: Catalogue) -> float | None:
    """The next instant (event time) at which silence alone would change the verdict; None when none would."""
    return None
