"""The words that may stand in a metric's labels: closed lists, so that no log can make a series. Knows nothing of how they are counted.

Whatever is in no list becomes "other" and is counted as an overflow. Addresses, paths, agents, client ids and attempt ids are never labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from connwatch.model.attempt import Outcome
from connwatch.model.event import OBSERVED_STAGES, Stage
from connwatch.rules.catalogue import FAMILIES

__all__ = ["GAPS", "MOST_HOSTS", "OTHER", "OUTCOMES", "REACH", "REOPENED", "STEPS", "Labels", "step_of"]

OTHER = "other"
REACH = "reach"
OUTCOMES: tuple[str, ...] = tuple(outcome.value for outcome in Outcome)
STEPS: tuple[str, ...] = (*(stage.value for stage in OBSERVED_STAGES), Stage.REFRESH.value, Stage.STEP_UP.value)
REOPENED: tuple[str, ...] = ("rotated", "truncated", "failed", "restarted", "recreated", "cut", "silent")
GAPS: tuple[str, ...] = ("cursor", "rotated-away", "truncated", "rotation", "removed", "clock", "unreadable", "unresumed")
MOST_HOSTS = 20
"""So many hosts of the allow-list get series of their own: with eight clients and nine outcomes each one costs 88."""

_WITHOUT_A_STEP = frozenset({Stage.PREFLIGHT, Stage.PROBE, Stage.OTHER})


def step_of(stage: Stage) -> str | None:
    """The label for a stage. What happens inside a session is the step "session"; a preflight or a favicon is no step."""
    if stage.value in STEPS:
        return stage.value
    return None if stage in _WITHOUT_A_STEP else Stage.SESSION.value


class Labels:
    """`hosts` is the allow-list of the configuration; `causes` are the diagnosis codes with the steps they speak of."""

    def __init__(self, hosts: Iterable[str] = (), causes: Iterable[tuple[str, str]] = ()) -> None:
        self.clients: tuple[str, ...] = FAMILIES
        self.hosts: tuple[str, ...] = (*list(dict.fromkeys(hosts))[:MOST_HOSTS], OTHER)
        known = frozenset((*STEPS, REACH))
        self.causes: tuple[tuple[str, str], ...] = tuple(dict.fromkeys(pair for pair in causes if pair[0] in known))
        self._codes = frozenset(code for _, code in self.causes)
        self.overflowed: Counter[tuple[str, str]] = Counter()

    def client(self, metric: str, name: str) -> str:
        """A client family."""
        return self._word(metric, "client", name, self.clients)

    def host(self, name: str) -> str:
        """A host of the allow-list. Another one is no overflow: the list is meant to leave hosts out."""
        return name if name in self.hosts else OTHER

    def stop(self, metric: str, step: str, code: str) -> tuple[str, str]:
        """A step and a cause that are known together; a pair that is not becomes ("other", "other")."""
        if (step, code) in self.causes:
            return step, code
        self.overflowed[metric, "step" if code in self._codes else "cause"] += 1
        return OTHER, OTHER

    def _word(self, metric: str, label: str, word: str, known: tuple[str, ...]) -> str:
        if word in known:
            return word
        self.overflowed[metric, label] += 1
        return OTHER
