"""What was last said of each attempt, and what is new of it. Knows nothing of how attempts come about, nor who listens."""

from __future__ import annotations

from dataclasses import dataclass, field

from connwatch.model.attempt import Attempt
from connwatch.model.change import Change, Opened, Reached, Updated, Withdrawn

__all__ = ["Telling"]


@dataclass(slots=True)
class _Told:
    attempt: Attempt
    steps: set[tuple[int, int]] = field(default_factory=set)  # where they stand
    verdict: tuple[str, str | None, str] = ("", None, "")


class Telling:
    """Attempts that somebody was told of, by a key of the teller's that outlives their names."""

    def __init__(self) -> None:
        self._told: dict[int, _Told] = {}
        self._taken_back: list[Attempt] = []

    def news(self, key: int, attempt: Attempt) -> list[Change]:
        """That it was opened, and the steps that are new, since it was last told. Under another name it is another attempt."""
        told = self._told.get(key)
        changes: list[Change] = []
        if told is not None and told.attempt.id != attempt.id:
            changes.append(Withdrawn(told.attempt.ended_at, told.attempt))
            told = None
        if told is None:
            told = self._told[key] = _Told(attempt)
            changes.append(Opened(attempt.started_at, attempt))
        told.attempt = attempt
        changes += [Reached(step.event.at, attempt, step) for step in attempt.steps if step.event.serial not in told.steps]
        told.steps = {step.event.serial for step in attempt.steps}
        return changes

    def judged(self, key: int, attempt: Attempt) -> list[Change]:
        """As `news`, and the verdict where that is another one."""
        changes = self.news(key, attempt)
        told = self._told[key]
        verdict = attempt.outcome.value, attempt.stuck_at, attempt.diagnoses[0].code if attempt.diagnoses else ""
        if verdict != told.verdict:
            told.verdict = verdict
            changes.append(Updated(attempt.ended_at, attempt))
        return changes

    def ended(self, key: int) -> None:
        """It is final: nothing more will be told of it."""
        self._told.pop(key, None)

    def take_back(self, key: int) -> None:
        """It is none of its own any more; who heard of it must hear that."""
        told = self._told.pop(key, None)
        if told is not None:
            self._taken_back.append(told.attempt)

    def withdrawn(self) -> list[Change]:
        """What was taken back since this was last asked."""
        taken_back, self._taken_back = self._taken_back, []
        return [Withdrawn(attempt.ended_at, attempt) for attempt in taken_back]
