"""How telling people goes, for /metrics: what went to each target, what is wrong now, what was not told and why. Looked up, never counted here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["ChannelFigures", "TellingFigures", "Tellings"]

_SEVERITIES = ("high", "low")


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One target since the start: messages that arrived, tries that failed, messages given up; what waits now; seconds since the epoch, or 0."""

    name: str
    sent: int = 0
    failures: int = 0
    given_up: int = 0
    pending: int = 0
    last_success_at: float = 0.0


@dataclass(frozen=True, slots=True)
class TellingFigures:
    """`open` alerts by severity, `reasons` for not telling, `heartbeats` that were answered and that failed."""

    channels: Iterable[ChannelFigures] = ()
    open: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    heartbeats: tuple[int, int] = (0, 0)


class Tellings(Collector):
    """`figures` gives them as they are now."""

    def __init__(self, figures: Callable[[], TellingFigures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client's Collector."""
        now = self._figures()
        by = ["channel"]
        sent = CounterMetricFamily("connwatch_notifications", "Messages that arrived at a target.", labels=by)
        failed = CounterMetricFamily("connwatch_notifications_failed", "Tries to send a message that failed.", labels=by)
        given_up = CounterMetricFamily("connwatch_notifications_given_up", "Messages that never arrived.", labels=by)
        pending = GaugeMetricFamily("connwatch_notifications_pending", "Messages that wait to be sent, or to be sent again.", labels=by)
        last = GaugeMetricFamily(
            "connwatch_notifications_last_success_timestamp_seconds", "When a message last arrived; absent until one did.", labels=by
        )
        for one in now.channels:
            sent.add_metric([one.name], one.sent)
            failed.add_metric([one.name], one.failures)
            given_up.add_metric([one.name], one.given_up)
            pending.add_metric([one.name], one.pending)
            if one.last_success_at:
                last.add_metric([one.name], one.last_success_at)
        yield from (sent, failed, given_up, pending, last)
        suppressed = CounterMetricFamily(
            "connwatch_notifications_suppressed", "Times that something was not told, or not at once, by the reason.", labels=["reason"]
        )
        for reason, count in now.reasons.items():
            suppressed.add_metric([reason], count)
        wrong = GaugeMetricFamily("connwatch_alerts_open", "What people were told of and is not over.", labels=["severity"])
        for severity in _SEVERITIES:
            wrong.add_metric([severity], now.open.get(severity, 0))
        beats = CounterMetricFamily("connwatch_heartbeats", "Heartbeats that were answered.")
        beats.add_metric([], now.heartbeats[0])
        missed = CounterMetricFamily("connwatch_heartbeats_failed", "Heartbeats that failed.")
        missed.add_metric([], now.heartbeats[1])
        yield from (suppressed, wrong, beats, missed)
