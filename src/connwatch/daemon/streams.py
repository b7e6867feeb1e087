"""Which source each stream of the engine belongs to, and where each is resumed. Must not read or feed anything."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from connwatch.store.turn import Standing

__all__ = ["Streams"]


class Streams:
    """Of the sources with these names."""

    def __init__(self, sources: Iterable[str]) -> None:
        self._owners: dict[str, str] = {}
        self.cursors: dict[str, dict[str, str]] = {name: {} for name in sources}

    def __contains__(self, stream: str) -> bool:
        return stream in self._owners

    def resume(self, standings: Mapping[str, Standing]) -> None:
        """Streams that another engine stood in."""
        for stream, standing in standings.items():
            self._owners[stream] = standing.source
            if standing.cursor is not None and standing.source in self.cursors:
                self.cursors[standing.source][stream] = standing.cursor

    def add(self, stream: str, source: str) -> None:
        """A stream that is new."""
        self._owners[stream] = source

    def owner(self, stream: str) -> str:
        """The configured source that a stream belongs to; a stream that is not known is its own."""
        return self._owners.get(stream, stream)

    def of(self, sources: Container[str]) -> list[str]:
        """The streams of these sources."""
        return [stream for stream, source in self._owners.items() if source in sources]
