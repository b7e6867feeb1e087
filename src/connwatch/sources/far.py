"""What is heard from another machine: log bytes with a few words of our script between them. Pure; starts nothing.

A word of the script stands on a line of its own behind a marker that no log can know. Before the first one, everything is the login
shell's. `eager` is for streams without an end: a line's newline is not held back to see whether a word follows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from connwatch.model.mark import What
from connwatch.sources.source import State

__all__ = ["Frames", "Piece", "Reading"]


@dataclass(slots=True)
class Piece:
    """Whole lines and what became known with them. `note` None: as before. `reopened` and `gap` are reasons, or ""."""

    data: bytes = b""
    state: State = "catching_up"
    cursor: str | None = None
    note: str | None = None
    reopened: str = ""
    gap: str = ""
    mark: What | None = None


class Reading(Protocol):
    """One run of a script: what to run, and what its output means."""

    @property
    def begun(self) -> bool:
        """Whether the script has spoken: the connection is up and the command runs."""
        ...

    @property
    def quiet_seconds(self) -> float | None:
        """After so long without a byte the stream counts as caught up; None where the script says so itself."""
        ...

    @property
    def duplicates(self) -> int:
        """Lines that came again in this run."""
        ...

    @property
    def again(self) -> bool:
        """Whether the script asked to be run again with the newest cursor, which is no failure."""
        ...

    @property
    def complaints(self) -> list[str]:
        """What came among the log's lines and reads like an error of the command."""
        ...

    def script(self) -> str:
        """The text for the other machine's shell."""
        ...

    def feed(self, block: bytes) -> Iterator[Piece]:
        """What `block` adds."""
        ...

    def quiet(self) -> Iterator[Piece]:
        """Nothing came for `quiet_seconds`."""
        ...

    def finish(self) -> Iterator[Piece]:
        """The output has ended."""
        ...


class Frames:
    """Splits a stream at the words of a script."""

    def __init__(self, marker: str, *, eager: bool) -> None:
        self.begun = False
        self._needle = f"\n{marker} ".encode()
        self._eager = eager
        self._buffer = b""
        self._after_newline = False

    def feed(self, block: bytes) -> Iterator[bytes | list[str]]:
        """Log bytes as bytes, a word with its arguments as a list of text."""
        self._buffer += block
        while (at := self._find()) is not None:
            yield from self._release(max(at, 0))
            words, newline, rest = self._buffer[len(self._needle) if at >= 0 else len(self._needle) - 1 :].partition(b"\n")
            if not newline:
                return
            self._buffer, self.begun, self._after_newline = rest, True, True
            yield words.decode("utf-8", "replace").split()
        yield from self._release(self._sure())

    def _find(self) -> int | None:
        """Where the next word begins, at its newline; -1 where that newline was given away already."""
        if self._after_newline and self._buffer.startswith(self._needle[1:]):
            return -1
        at = self._buffer.find(self._needle)
        return at if at >= 0 else None

    def _sure(self) -> int:
        """How much can be released: all but what may be the beginning of a word."""
        start = self._buffer.rfind(b"\n", max(0, len(self._buffer) - len(self._needle)))
        tail = self._buffer[start:] if start >= 0 else b""
        if tail and self._needle.startswith(tail) and not (self._eager and tail == b"\n"):
            return start
        if self._after_newline and self._buffer and self._needle[1:].startswith(self._buffer):
            return 0
        return len(self._buffer)

    def _release(self, size: int) -> Iterator[bytes]:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        if data:
            self._after_newline = data.endswith(b"\n")
            if self.begun:
                yield data

    def finish(self) -> bytes:
        """What was held back."""
        data, self._buffer = self._buffer, b""
        return data if self.begun else b""
