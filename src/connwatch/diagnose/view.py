"""What a diagnosis may look at: the attempt, its fold, its verdict. A plain bundle, without an opinion."""

from __future__ import annotations

from dataclasses import dataclass

from connwatch.diagnose.fold import Fold
from connwatch.diagnose.verdict import Verdict
from connwatch.model.attempt import Attempt

__all__ = ["View"]


@dataclass(slots=True)
class View:
    """One attempt, ready to be asked. `hosted`: a vendor's backend made it, not a program on the user's machine."""

    attempt: Attempt
    state: Fold
    verdict: Verdict
    family: str
    hosted: bool

    @property
    def ambiguous(self) -> bool:
        """Whether the decisive line may belong to another attempt."""
        event = self.verdict.event
        if event is not None:
            for step in self.attempt.steps:
                if step.event is event:
                    return step.link == "ambiguous"
        return False

    def doubt(self) -> str:
        """Why the confidence was lowered, in one sentence."""
        if self.attempt.group:
            return "This attempt is one of several look-alikes, settled by counting: which of the users it was cannot be told from these lines."
        return "The decisive line could also belong to another attempt of the same moment."
