"""The words that may stand in a metric's labels: closed lists, so that no log can make a series. Knows nothing of how they are counted.

Whatever is in no list becomes "other" and is counted as an overflow. Addresses, paths, agents, client ids and attempt ids are never labels.

How many series there can be follows from the lists, so the budget is held at the start: hosts that it cannot pay for are left out, and
each time that one of them would have been named is an overflow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from connwatch.model.attempt import Outcome
from connwatch.model.event import OBSERVED_STAGES, Stage
from connwatch.model.family import FAMILIES

__all__ = ["BUDGET", "GAPS", "MOST_HOSTS", "OTHER", "OUTCOMES", "REACH", "REOPENED", "STEPS", "WITH_HOST", "Labels", "step_of"]

OTHER = "other"
REACH = "reach"
OUTCOMES: tuple[str, ...] = tuple(outcome.value for outcome in Outcome)
STEPS: tuple[str, ...] = (*(stage.value for stage in OBSERVED_STAGES), Stage.REFRESH.value, Stage.STEP_UP.value)
REOPENED: tuple[str, ...] = ("rotated", "truncated", "failed", "restarted", "recreated", "cut", "silent")
GAPS: tuple[str, ...] = ("cursor", "rotated-away", "truncated", "rotation", "removed", "clock", "unreadable", "unresumed")
MOST_HOSTS = 20
"""So many hosts of the allow-list get series of their own: with eight clients and nine outcomes each one costs 101."""
WITH_HOST: tuple[str, ...] = ("connwatch_attempts_started", "connwatch_attempts_finished", "connwatch_requests")
"""Metrics that name a host, as far as they count anything themselves."""
BUDGET = 10_000
"""Most series of one daemon, whatever is configured."""
_BUCKETS = 14  # series of one histogram: eleven bounds, infinity, sum, count

_WITHOUT_A_STEP = frozenset({Stage.PREFLIGHT, Stage.PROBE, Stage.OTHER})


def step_of(stage: Stage) -> str | None:
    """The label for a stage. What happens inside a session is the step "session"; a preflight or a favicon is no step."""
    if stage.value in STEPS:
        return stage.value
    return None if stage in _WITHOUT_A_STEP else Stage.SESSION.value


class Labels:
    """`hosts` is the allow-list of the configuration; `causes` are the diagnosis codes with the steps they speak of. `sources`
    and `channels` (targets of messages) say how many there are.
    """

    def __init__(
        self, hosts: Iterable[str] = (), causes: Iterable[tuple[str, str]] = (), *, sources: int = 0, channels: int = 0, budget: int = BUDGET
    ) -> None:
        self.clients: tuple[str, ...] = FAMILIES
        known = frozenset((*STEPS, REACH))
        self.causes: tuple[tuple[str, str], ...] = tuple(dict.fromkeys(pair for pair in causes if pair[0] in known))
        asked = list(dict.fromkeys(hosts))
        left = (budget - self._without_hosts(sources, channels)) // self._of_a_host() - 1  # one for "other"
        paid = asked[: max(0, min(left, MOST_HOSTS))]
        self.hosts: tuple[str, ...] = (*paid, OTHER)
        self.left_out = frozenset(asked[len(paid) :])
        self._codes = frozenset(code for _, code in self.causes)
        self.overflowed: Counter[tuple[str, str]] = Counter()

    def client(self, metric: str, name: str) -> str:
        """A client family."""
        return self._word(metric, "client", name, self.clients)

    def _without_hosts(self, sources: int, channels: int) -> int:
        """Series that are there whatever hosts are named."""
        of_a_client = _BUCKETS + len(STEPS) * (_BUCKETS + 2) + len(self.causes) + 1
        of_sources, of_channels = sources * (6 + len(REOPENED) + len(GAPS)), channels * 5
        return len(self.clients) * of_a_client + of_sources + of_channels + 46  # single ones: of the program, the process, reasons for not telling

    def _of_a_host(self) -> int:
        """Series of each host: attempts begun, taken back, ended so and so, last good, for each client; requests by five classes."""
        return len(self.clients) * (3 + len(OUTCOMES)) + 5

    def host(self, metric: str, name: str) -> str:
        """A host of the allow-list. One that is not on the list is no overflow, because it is meant to be left out; one beyond the budget is."""
        if name in self.left_out:
            self.overflowed[metric, "host"] += 1
        return self.known_host(name)

    def known_host(self, name: str) -> str:
        """The same without counting."""
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
