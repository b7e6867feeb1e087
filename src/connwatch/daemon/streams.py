"""Which source each stream of the engine belongs to, in which format it is read, and where it is resumed. Must not read or feed anything."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Mapping, Sequence
from typing import TYPE_CHECKING

from connwatch.model.errors import ConfigError
from connwatch.sources.source import EVERY_STREAM, Batch, Source
from connwatch.store.turn import Standing

if TYPE_CHECKING:
    from connwatch.engine import Engine

__all__ = ["Streams"]

log = logging.getLogger("connwatch")


class Streams:
    """Of these sources, in this engine. `known` is told of each stream that is opened or speaks.

    A stream is read in the format that the configuration gives its source. Where that is "auto", what the stream says of itself holds.
    """

    def __init__(self, engine: Engine, sources: Sequence[Source], known: Callable[[str], None]) -> None:
        self._engine, self._known = engine, known
        self._owners: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self.cursors: dict[str, dict[str, str]] = {source.name: {} for source in sources}

    def __contains__(self, stream: str) -> bool:
        return stream in self._owners

    def resume(self, standings: Mapping[str, Standing]) -> None:
        """Streams that the engine has taken over from another one."""
        for stream, standing in standings.items():
            self._owners[stream] = standing.source
            if standing.cursor is not None and standing.source in self.cursors:
                self.cursors[standing.source][stream] = standing.cursor

    def expect(self, source: Source) -> None:
        """Open what a source will surely have."""
        for stream in source.expected:
            self._open(source, stream)

    def meet(self, source: Source, batch: Batch) -> None:
        """Make ready for a batch, which is about to be fed."""
        if batch.stream == EVERY_STREAM:
            return
        self._open(source, batch.stream)
        if batch.state != "ended":
            self._known(batch.stream)
        if source.format == "auto" and batch.format is not None and batch.format != self._said.get(batch.stream, "auto"):
            self._said[batch.stream] = batch.format
            self._go_over(source, batch.stream, batch.format)

    def _open(self, source: Source, stream: str) -> None:
        if stream not in self._owners:
            self._owners[stream] = source.name
            self._engine.open_source(stream, source.format)
            self._known(stream)

    def _go_over(self, source: Source, stream: str, said: str) -> None:
        """What a stream says of itself may be mistyped: then its format is recognised, and that is told."""
        about = f"format of {stream}"
        try:
            self._engine.read_as(stream, said)
        except ConfigError as wrong:
            source.status.warnings[about] = f"{stream} is labelled with a format that cannot be used, so its lines are recognised: {wrong}"
            log.warning("source %s: %s", source.name, source.status.warnings[about])
            self._engine.read_as(stream, "auto")
        else:
            source.status.warnings.pop(about, None)

    def owner(self, stream: str) -> str:
        """The configured source that a stream belongs to; a stream that is not known is its own."""
        return self._owners.get(stream, stream)

    def of(self, sources: Container[str]) -> list[str]:
        """The streams of these sources."""
        return [stream for stream, source in self._owners.items() if source in sources]
