"""Requests of connectors as the proxy's log has them, by host and class of status. Counts what was taken; knows no registry and no attempt."""

from __future__ import annotations

from collections.abc import Iterable

from connwatch.model.record import Request
from connwatch.model.taken import Taken
from connwatch.sinks.labels import Labels

__all__ = ["CLASSES", "METRIC", "Requests"]

METRIC = "connwatch_requests"
CLASSES: tuple[str, ...] = ("1xx", "2xx", "3xx", "4xx", "5xx")


class Requests:
    """`counts` by host and class, each pair from the start. A request whose status the log does not have is not among them."""

    def __init__(self, labels: Labels) -> None:
        self._labels = labels
        self.counts: dict[tuple[str, str], int] = {(host, name): 0 for host in labels.hosts for name in CLASSES}

    def take(self, taken: Iterable[Taken]) -> None:
        """Count what an engine has taken."""
        for one in taken:
            record = one.record
            if isinstance(record, Request) and record.role == "proxy" and record.status is not None and 100 <= record.status < 600:
                self.counts[self._labels.host(METRIC, record.host or ""), CLASSES[record.status // 100 - 1]] += 1
