"""What is said of a source as a whole, once each: that it fell deaf, that it hears again, that its clock looks wrong. Knows no kind of source."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from connwatch.daemon.zones import hours_off
from connwatch.model.mark import Mark
from connwatch.sources.source import Batch, Source

__all__ = ["Ear"]

log = logging.getLogger("connwatch")


class Ear:
    """`deaf` holds the sources that have been unreadable for a minute, and since when, in seconds since the epoch."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.name: source for source in sources}
        self.deaf: Mapping[str, float] = {}

    def listen(self, deaf: Mapping[str, float], now: float) -> list[Mark]:
        """Who is deaf now, and since when. What is news of it, in marks; nothing where everything is as it was."""
        news = []
        for name in sorted(set(deaf) - set(self.deaf)):
            note = self._sources[name].status.note if name in self._sources else ""
            log.warning("source %s has been unreadable for a minute: %s; what only it could show is unknown until it is back", name, note)
            news.append(Mark(deaf[name], name, "unreadable", note))
        for name in sorted(set(self.deaf) - set(deaf)):
            log.warning("source %s is back", name)
            news.append(Mark(now, name, "readable", f"after {now - self.deaf[name]:.0f} seconds"))
        self.deaf = deaf
        return news

    def set_back(self, seconds: float, now: float) -> list[Mark]:
        """The clock was set back by so much; told, and marked for each source."""
        log.warning("the clock was set back by %.0f seconds: attempts under way are closed as blind, and time goes on from here", seconds)
        return [Mark(now, name, "clock-set-back", f"by {seconds:.0f} seconds") for name in self._sources]

    def heard(self, source: Source, batch: Batch, frontier: float | None) -> None:
        """A batch was read; `frontier` is the newest stamp of its stream, seconds since the epoch."""
        if not batch.data or frontier is None:
            return
        status = source.status
        status.newest_at = max(frontier, status.newest_at or frontier)
        if batch.seen_at is None:
            return
        status.lag = batch.seen_at - frontier
        off = hours_off(status.lag)
        if off is None:
            status.warnings.pop("clock", None)
        elif "clock" not in status.warnings:
            behind = f"{abs(off):g} hours {'behind' if off > 0 else 'ahead of'} the clock"
            status.warnings["clock"] = (
                f"lines come as they are written and their stamps are {behind}: this looks like a time zone problem of whoever writes them"
            )
            log.warning("source %s: %s", source.name, status.warnings["clock"])
