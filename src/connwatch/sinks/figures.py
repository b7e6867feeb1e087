"""What is true at the moment of a scrape: open attempts, sources, last successes, overflows, the process. Looked up, never counted twice.

Time stamps are exported, not ages: an age is stale as soon as it is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from connwatch import __version__
from connwatch.model.attempt import Attempt
from connwatch.sinks.labels import GAPS, OTHER, REOPENED, STEPS, WITH_HOST, step_of
from connwatch.sinks.metrics import Metrics
from connwatch.sinks.requests import METRIC as REQUESTS

__all__ = ["Figures", "Keeping", "Reload", "SourceFigures"]


@dataclass(slots=True)
class SourceFigures:
    """One configured source, as it is now. Times in seconds since the epoch, `lag` in seconds."""

    name: str
    up: bool
    lines: int = 0
    unparsed: int = 0
    newest_at: float | None = None
    lag: float | None = None
    reopened: Mapping[str, int] = field(default_factory=dict)
    gaps: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0


@dataclass(slots=True)
class Reload:
    """Whether the configuration that was last asked for is the one in use, and when (seconds since the epoch) one was last taken."""

    successful: bool
    at: float


@dataclass(slots=True)
class Keeping:
    """Whether the state is being written, and how many turns were lost because it could not be."""

    healthy: bool
    lost: int


class Figures(Collector):
    """Added to `metrics`."""

    def __init__(
        self,
        metrics: Metrics,
        *,
        open_attempts: Callable[[], Iterable[Attempt]],
        sources: Callable[[], Iterable[SourceFigures]],
        changes_lost: Callable[[], int],
        reload: Callable[[], Reload],
        keeping: Callable[[], Keeping],
        requests: Mapping[tuple[str, str], int],
    ) -> None:
        self._metrics, self._open, self._sources, self._lost = metrics, open_attempts, sources, changes_lost
        self._reload, self._keeping, self._requests = reload, keeping, requests
        metrics.add(self)
        metrics.add(ProcessCollector(registry=None))

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client's Collector."""
        yield InfoMetricFamily("connwatch_build", "The running version.", {"version": __version__})
        yield self._attempts()
        yield self._successes()
        yield from self._of_sources()
        overflow = CounterMetricFamily(
            "connwatch_label_values_overflowed", "Values that were in no closed list and became other.", labels=["metric", "label"]
        )
        for metric, label in (
            ("connwatch_attempts_started", "client"),
            ("connwatch_attempts_finished", "client"),
            ("connwatch_stalls", "step"),
            ("connwatch_stalls", "cause"),
            *((metric, "host") for metric in WITH_HOST),
        ):
            overflow.add_metric([metric, label], self._metrics.labels.overflowed[metric, label])
        yield overflow
        lost = CounterMetricFamily(
            "connwatch_changes_lost", "Changes that a reader of /api/changes did not get: it was too slow, or they are no longer kept."
        )
        lost.add_metric([], self._lost())
        yield lost
        yield from self._of_configuration()
        yield from self._of_state()
        seen = CounterMetricFamily(REQUESTS, "Connector requests in the proxy's log, by class of status.", labels=["host", "class"])
        for labels, count in self._requests.items():
            seen.add_metric(list(labels), count)
        yield seen

    def _of_configuration(self) -> Iterator[Metric]:
        reload = self._reload()
        good = GaugeMetricFamily("connwatch_config_last_reload_successful", "Whether the configuration last asked for is in use.")
        good.add_metric([], float(reload.successful))
        at = GaugeMetricFamily("connwatch_config_last_reload_success_timestamp_seconds", "When a configuration was last taken.")
        at.add_metric([], reload.at)
        yield from (good, at)

    def _of_state(self) -> Iterator[Metric]:
        keeping = self._keeping()
        healthy = GaugeMetricFamily("connwatch_state_healthy", "Whether what happens is written to the state file.")
        healthy.add_metric([], float(keeping.healthy))
        lost = CounterMetricFamily("connwatch_state_turns_lost", "Turns that could not be written and were too many to wait.")
        lost.add_metric([], keeping.lost)
        yield from (healthy, lost)

    def _attempts(self) -> Metric:
        known = self._metrics.labels.clients
        count: Counter[tuple[str, str]] = Counter()
        for attempt in self._open():
            step = next((name for one in reversed(attempt.steps) if (name := step_of(one.event.stage))), None)
            if step is not None:
                count[attempt.client if attempt.client in known else OTHER, step] += 1
        family = GaugeMetricFamily("connwatch_attempts_open", "Attempts that are not final, by their latest step.", labels=["client", "step"])
        for client in known:
            for step in STEPS:
                family.add_metric([client, step], count[client, step])
        return family

    def _successes(self) -> Metric:
        family = GaugeMetricFamily(
            "connwatch_last_success_timestamp_seconds",
            "When the last attempt that connected ended; absent until there is one.",
            labels=["client", "host"],
        )
        for labels, at in self._metrics.last_success.items():
            family.add_metric(list(labels), at)
        return family

    def _of_sources(self) -> Iterator[Metric]:
        by = ["source"]
        up = GaugeMetricFamily("connwatch_source_up", "Whether the source can be read.", labels=by)
        newest = GaugeMetricFamily("connwatch_source_last_line_timestamp_seconds", "The newest stamp read; absent without stamps.", labels=by)
        lag = GaugeMetricFamily("connwatch_source_lag_seconds", "From a line's stamp to its reading, for the latest live line.", labels=by)
        lines = CounterMetricFamily("connwatch_lines_read", "Lines read.", labels=by)
        unparsed = CounterMetricFamily("connwatch_lines_unparsed", "Lines that no format took.", labels=by)
        reopened = CounterMetricFamily("connwatch_follow_reopened", "Times a source was opened again.", labels=["source", "reason"])
        twice = CounterMetricFamily("connwatch_duplicates_dropped", "Lines that came a second time and were dropped.", labels=by)
        gaps = CounterMetricFamily("connwatch_source_gaps", "Times that lines are known to have been missed.", labels=["source", "reason"])
        for one in self._sources():
            up.add_metric([one.name], float(one.up))
            lines.add_metric([one.name], one.lines)
            unparsed.add_metric([one.name], one.unparsed)
            twice.add_metric([one.name], one.duplicates)
            if one.newest_at is not None:
                newest.add_metric([one.name], one.newest_at)
            if one.lag is not None:
                lag.add_metric([one.name], one.lag)
            for reason in REOPENED:
                reopened.add_metric([one.name, reason], one.reopened.get(reason, 0))
            for reason in GAPS:
                gaps.add_metric([one.name, reason], one.gaps.get(reason, 0))
        yield from (up, newest, lag, lines, unparsed, twice, reopened, gaps)
