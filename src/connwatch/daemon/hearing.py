"""What is said of a source as a whole, once each: that it fell deaf, that it hears again, that its clock looks wrong. Knows no kind of source."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from connwatch.daemon.zones import hours_off
from connwatch.sources.source import Batch, Source

__all__ = ["Ear"]

log = logging.getLogger("connwatch")


class Ear:
    """`deaf` names the sources that have been unreadable for a minute."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.name: source for source in sources}
        self.deaf: list[str] = []

    def listen(self, deaf: list[str]) -> list[str] | None:
        """Who is deaf now. Gives them where that is news, else None."""
        if deaf == self.deaf:
            return None
        for name in set(deaf) - set(self.deaf):
            note = self._sources[name].status.note if name in self._sources else ""
            log.warning("source %s has been unreadable for a minute: %s; what only it could show is unknown until it is back", name, note)
        for name in set(self.deaf) - set(deaf):
            log.warning("source %s is back", name)
        self.deaf = deaf
        return deaf

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
            status.warning = ""
        elif not status.warning:
            behind = f"{abs(off):g} hours {'behind' if off > 0 else 'ahead of'} the clock"
            status.warning = (
                f"lines come as they are written and their stamps are {behind}: this looks like a time zone problem of whoever writes them"
            )
            log.warning("source %s: %s", source.name, status.warning)
