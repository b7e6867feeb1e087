"""The first impression of a request, the moment its line is read. Has a classifier of its own, because it meets lines out of their order.

The engine waits for late lines and weighs attempts against each other before it tells of a step; who watches does not want to wait to see that
something came. Where a proxy's log is read, the application's lines of the same requests are left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from connwatch.model.heard import Heard
from connwatch.model.record import Request
from connwatch.model.taken import Taken
from connwatch.rules.catalogue import Catalogue
from connwatch.rules.stages import Classifier, Options

__all__ = ["Glance"]


class Glance:
    """See the module's text."""

    def __init__(self, catalogue: Catalogue, options: Options) -> None:
        self._classifier = Classifier(catalogue, options)
        self._proxied = False

    def at(self, taken: Iterable[Taken]) -> list[Heard]:
        """What was heard in these records; a backlog, noise and what is about no connector are passed over."""
        found = []
        for one in taken:
            record = one.record
            if one.seen_at is None or not isinstance(record, Request):
                continue
            self._proxied = self._proxied or record.role == "proxy"
            if self._proxied and record.role == "app":
                continue
            event = self._classifier.classify(record, one.seen_at)
            if event is None or event.noise:
                continue
            client = event.client or event.hint or "other"
            found.append(
                Heard(event.started_at, one.source, record.line, client, event.host or "", event.stage, event.method, event.path, event.status)
            )
        return found
