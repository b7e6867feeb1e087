"""Each source as it is now, for metrics, health checks and lists: its status, and what the engine counted of its lines. Decides nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from connwatch.diagnose.serial import iso
from connwatch.sinks.figures import SourceFigures

if TYPE_CHECKING:
    from connwatch.daemon.recorder import Recorder

__all__ = ["source_figures", "source_rows"]


def source_figures(recorder: Recorder) -> list[SourceFigures]:
    """Each source in numbers."""
    read: Counter[str] = Counter()
    unparsed: Counter[str] = Counter()
    for stream, counts in recorder.engine.stats().sources.items():
        read[recorder.owner(stream)] += counts["lines"]
        unparsed[recorder.owner(stream)] += counts["unparsed"]
    return [
        SourceFigures(
            source.name,
            source.status.state in ("live", "catching_up"),
            read[source.name],
            unparsed[source.name],
            source.status.newest_at,
            source.status.lag,
            source.status.reopened,
            source.status.gaps,
            source.status.duplicates,
        )
        for source in recorder.sources
    ]


def source_rows(recorder: Recorder) -> list[dict[str, Any]]:
    """Each source in words and numbers, as /api/sources gives it. `deaf`: it could not be read for a minute."""
    rows = []
    for source, figures in zip(recorder.sources, source_figures(recorder), strict=True):
        status = source.status
        rows.append(
            {
                "name": source.name,
                "kind": source.kind,
                "state": status.state,
                "attached": status.attached,
                "deaf": source.name in recorder.ear.deaf,
                "lag_seconds": None if status.lag is None else round(status.lag, 3),
                "lines": figures.lines,
                "unparsed": figures.unparsed,
                "newest_at": None if status.newest_at is None else iso(status.newest_at),
                "duplicates": status.duplicates,
                "reopened": dict(status.reopened),
                "gaps": dict(status.gaps),
                "note": status.note,
                "warning": "; ".join(status.warnings.values()),
                "delivery": source.delivery,
            }
        )
    return rows
