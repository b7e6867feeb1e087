"""The text that scrapers get: written once and kept until something in it changes. Knows collectors, not what they count.

Writing a sample costs ten times what comparing it costs, and nearly all of some thousand samples are what they were at the last scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["Exposition"]

MOST_FORMATS = 8
"""Texts kept at once: one for each content type, which the scraper names."""
_END = b"# EOF\n"  # of the OpenMetrics text


@dataclass(slots=True)
class _Kept:
    """What was written last in one format: of each counter, until it changes, and of each family that is looked up."""

    counters: dict[Collector, bytes] = field(default_factory=dict)
    families: dict[str, tuple[Metric, bytes]] = field(default_factory=dict)


class Exposition:
    """What `counters` have counted changes only when `changed` says so; what is `looked_up` may have changed at any scrape."""

    def __init__(self, counters: Sequence[Collector], looked_up: Collector) -> None:
        self._counters, self._looked_up = counters, looked_up
        self._kept: dict[str, _Kept] = {}

    def changed(self, counter: Collector) -> None:
        """Something is counted there now."""
        for kept in self._kept.values():
            kept.counters.pop(counter, None)

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type, as the scraper's Accept header asks: OpenMetrics with exemplars, or the classic text."""
        encode, content_type = choose_encoder(accept)
        if content_type not in self._kept and len(self._kept) >= MOST_FORMATS:
            self._kept.clear()
        kept = self._kept.setdefault(content_type, _Kept())
        parts: list[bytes] = []
        for counter in self._counters:
            if counter not in kept.counters:
                kept.counters[counter] = _written(encode, counter)
            parts.append(kept.counters[counter])
        for family in self._looked_up.collect():
            last = kept.families.get(family.name)
            if last is None or last[0] != family:
                last = kept.families[family.name] = family, _written(encode, _Alone(family))
            parts.append(last[1])
        if content_type.startswith("application/openmetrics-text"):
            parts.append(_END)
        return b"".join(parts), content_type


def _written(encode: Callable[[Collector], bytes], collector: Collector) -> bytes:
    return encode(collector).removesuffix(_END)


class _Alone(Collector):
    """One family as it is."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client's Collector."""
        yield self._family
