"""Prometheus metrics of attempts, counted from changes. Own registry; labels come from `labels.py` only; no clock but exemplars'.

What is shown of an attempt while its first requests are young may prove to be part of another: it is counted as started once it has lived for
`SETTLED` seconds of event time, at the latest when it is final. One that is taken back after that is counted as withdrawn, so that
started = finished + withdrawn + those that are open and counted. Everything else is counted when it is final.
What is true now (open attempts, sources) is not counted here but looked up at scrape time, in `figures.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.registry import Collector

from connwatch.model.attempt import GOOD, Attempt, Outcome
from connwatch.model.change import Change, Closed, Evicted, Withdrawn
from connwatch.sinks.exposition import Exposition
from connwatch.sinks.labels import OTHER, OUTCOMES, STEPS, Labels, step_of

__all__ = ["SETTLED", "Metrics"]

SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Buckets for waiting: programs answer within seconds, people at a consent page within minutes."""

SETTLED = 180.0

_Counts = TypeVar("_Counts", Counter, Histogram)
_STOPPED = frozenset({Outcome.FAILED, Outcome.STALLED, Outcome.ABANDONED})


class Metrics:
    """A sink. `registry` holds everything that is shown; what others look up at each scrape is added to it by `add`."""

    def __init__(self, labels: Labels) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry, self._looked_up = CollectorRegistry(), CollectorRegistry()
        self.labels = labels
        self.last_success: dict[tuple[str, str], float] = {}
        self._counted: dict[str, tuple[str, str]] = {}  # open attempts that were counted as started, and with which labels
        one = self.registry
        self._started = Counter("connwatch_attempts_started", "Attempts that were seen to begin.", ["client", "host"], registry=one)
        self._finished = Counter(
            "connwatch_attempts_finished", "Attempts that are final, by how they ended.", ["client", "host", "outcome"], registry=one
        )
        self._withdrawn = Counter(
            "connwatch_attempts_withdrawn",
            "Attempts that proved to be part of another one after they were counted as started.",
            ["client", "host"],
            registry=one,
        )
        self._evicted = Counter("connwatch_attempts_evicted", "Attempts closed early because too many were open.", registry=one)
        self._duration = Histogram(
            "connwatch_attempt_duration_seconds", "From the first to the last request of a final attempt.", ["client"], buckets=SECONDS, registry=one
        )
        self._reached = Counter("connwatch_step_reached", "Final attempts that came to a step.", ["client", "step"], registry=one)
        self._step_duration = Histogram(
            "connwatch_step_duration_seconds",
            "From the step before to this one, in final attempts.",
            ["client", "step"],
            buckets=SECONDS,
            registry=one,
        )
        self._stalls = Counter(
            "connwatch_stalls",
            "Final attempts that failed, stalled or were abandoned, by the step where they stopped and the first diagnosis.",
            ["client", "step", "cause"],
            registry=one,
        )
        counters = (
            self._started,
            self._finished,
            self._withdrawn,
            self._evicted,
            self._duration,
            self._reached,
            self._step_duration,
            self._stalls,
        )
        self._exposition = Exposition(counters, self._looked_up)
        self.text = self._exposition.text
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        """Every label set exists from the start: a rate can only be computed from a series that was there before."""
        for client in self.labels.clients:
            self._duration.labels(client)
            for step in STEPS:
                self._reached.labels(client, step)
                self._step_duration.labels(client, step)
            for step, cause in (*self.labels.causes, (OTHER, OTHER)):
                self._stalls.labels(client, step, cause)
            for host in self.labels.hosts:
                self._started.labels(client, host)
                self._withdrawn.labels(client, host)
                for outcome in OUTCOMES:
                    self._finished.labels(client, host, outcome)

    def remember(self, successes: Mapping[tuple[str, str], float]) -> None:
        """The last good attempts from before this process, by client and server."""
        for (client, server), at in successes.items():
            labels = client if client in self.labels.clients else OTHER, self.labels.known_host(server)
            self.last_success[labels] = max(at, self.last_success.get(labels, 0.0))

    def receive(self, changes: Sequence[Change]) -> None:
        """See Sink."""
        for change in changes:
            attempt = change.attempt
            if isinstance(change, Withdrawn):
                labels = self._counted.pop(attempt.id, None)
                if labels is not None:
                    self._of(self._withdrawn, *labels).inc()
                continue
            final = isinstance(change, Closed | Evicted)
            if isinstance(change, Evicted):
                self._exposition.changed(self._evicted)
                self._evicted.inc()
            if attempt.is_piece:
                if final:
                    self._part(attempt)
                continue
            if attempt.id not in self._counted and (final or attempt.ended_at - attempt.started_at >= SETTLED):
                self._begin(attempt)
            if final:
                del self._counted[attempt.id]
                self._end(attempt)

    def _begin(self, attempt: Attempt) -> None:
        labels = self.labels.client("connwatch_attempts_started", attempt.client), self.labels.host("connwatch_attempts_started", attempt.server)
        self._counted[attempt.id] = labels
        self._of(self._started, *labels).inc(1, {"attempt_id": attempt.id})

    def _part(self, attempt: Attempt) -> None:
        """A later piece of an attempt whose first piece is counted: its steps were reached, but nobody else began or ended."""
        labels = self._counted.pop(attempt.id, None)
        if labels is not None:
            self._of(self._withdrawn, *labels).inc()
        self._reach(attempt, self.labels.client("connwatch_step_reached", attempt.client))

    def _reach(self, attempt: Attempt, client: str) -> None:
        for name in {name for step in attempt.steps if (name := step_of(step.event.stage))}:
            self._of(self._reached, client, name).inc(1, {"attempt_id": attempt.id})

    def _end(self, attempt: Attempt) -> None:
        exemplar = {"attempt_id": attempt.id}
        client = self.labels.client("connwatch_attempts_finished", attempt.client)
        host = self.labels.host("connwatch_attempts_finished", attempt.server)
        self._of(self._finished, client, host, attempt.outcome.value).inc(1, exemplar)
        self._reach(attempt, client)
        if attempt.outcome is Outcome.PROBE:
            return
        self._of(self._duration, client).observe(max(0.0, attempt.ended_at - attempt.started_at), exemplar)
        for state in attempt.stages:
            name = step_of(state.stage)
            if name is not None and state.after_seconds is not None:
                self._of(self._step_duration, client, name).observe(max(0.0, state.after_seconds), exemplar)
        if attempt.outcome in GOOD:
            self.last_success[client, host] = max(attempt.ended_at, self.last_success.get((client, host), 0.0))
        if attempt.outcome in _STOPPED:
            code = attempt.diagnoses[0].code if attempt.diagnoses else OTHER
            stop = self.labels.stop("connwatch_stalls", attempt.stuck_at or OTHER, code)
            self._of(self._stalls, client, *stop).inc(1, exemplar)

    def _of(self, counter: _Counts, *labels: str) -> _Counts:
        """Where something is counted now."""
        self._exposition.changed(counter)
        return counter.labels(*labels)

    def add(self, collector: Collector) -> None:
        """Show what this looks up at every scrape."""
        self.registry.register(collector)
        self._looked_up.register(collector)
