"""The output of a command on another machine: a container's log, or whatever the user runs. Knows neither ssh nor processes.

A container's lines carry the engine's stamp and are asked for again from shortly before the newest one. A command's lines may carry one
too; without, there is nothing to go on from, and whoever restarts it must say that lines may be missing.

Stamps are measured by the other machine's clock, which the script tells once; after that the time that has passed here is added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from connwatch.sources.far import Frames, Piece
from connwatch.sources.farcommand import command_script, container_script
from connwatch.sources.process import Lines
from connwatch.sources.stamped import Stamped, stamp_of
from connwatch.sources.stdin import QUIET_SECONDS

__all__ = ["CommandReading", "ContainerReading"]

_DOCKER_SAYS = (b"Error response from daemon:", b"Error: ", b"error during connect:", b"Cannot connect to the Docker daemon")


class _OutputReading:
    """What both have in common."""

    quiet_seconds: float | None = QUIET_SECONDS
    _same_clock = False
    """Whether the clock that the script tells makes the stamps."""

    def __init__(self, marker: str, cursor: str | None, passed: Callable[[], float]) -> None:
        self._marker, self._passed = marker, passed
        self._frames, self._lines, self._stamped = Frames(marker, eager=True), Lines(), Stamped(cursor)
        self.complaints: list[str] = []
        self.again = False
        self._began: float | None = None
        self._began_passed = 0.0
        self._live = False

    @property
    def begun(self) -> bool:
        """See Reading."""
        return self._frames.begun

    @property
    def duplicates(self) -> int:
        """See Reading."""
        return self._stamped.duplicates

    @property
    def resumable(self) -> bool:
        """Whether a next run could go on where this one ends."""
        return self._stamped.since is not None

    def feed(self, block: bytes) -> Iterator[Piece]:
        """See Reading."""
        for frame in self._frames.feed(block):
            if isinstance(frame, bytes):
                yield from self._took(self._lines.feed(frame))
            elif frame:
                yield from self._told(frame[0], frame[1:])

    def quiet(self) -> Iterator[Piece]:
        """See Reading."""
        if self.begun and not self._live:
            self._live = True
            yield self._piece()

    def finish(self) -> Iterator[Piece]:
        """See Reading."""
        yield from self._took(self._lines.feed(self._frames.finish()) + self._lines.finish())

    def _took(self, whole: bytes) -> Iterator[Piece]:
        fresh = self._stamped.take(whole, self._now())
        if self._began is not None and self._stamped.newest is not None and self._stamped.newest >= self._began:
            self._live = True
        if fresh:
            yield self._piece(fresh)

    def _told(self, word: str, about: list[str]) -> Iterator[Piece]:
        if word == "begin":
            self._began, self._began_passed = stamp_of(" ".join((*about, "")).encode()), self._passed()
            set_back = self._began is not None and self._stamped.was_set_back(self._began, same_clock=self._same_clock)
            if set_back:
                self._stamped.start_over(self._asked_instead())
            yield self._piece(note="", gap="clock" if set_back else "")

    def _asked_instead(self) -> float | None:
        """From where the stream is told if what we asked for is in the future there; None: all of it."""
        return None

    def _now(self) -> float | None:
        """What the clock over there says, or up to a second more: it told whole seconds."""
        return None if self._began is None else self._began + 1 + self._passed() - self._began_passed

    def _piece(self, data: bytes = b"", note: str | None = None, gap: str = "") -> Piece:
        return Piece(data, "live" if self._live else "catching_up", self._stamped.cursor(), note, gap=gap)


class CommandReading(_OutputReading):
    """See Reading. Raises ValueError for a cursor that is none. `passed` is any steady clock, in seconds."""

    def __init__(self, marker: str, command: str, cursor: str | None, *, passed: Callable[[], float]) -> None:
        super().__init__(marker, cursor, passed)
        self._command = command

    def script(self) -> str:
        """See Reading."""
        return command_script(self._marker, self._command)


class ContainerReading(_OutputReading):
    """See Reading. `since` holds where there is no cursor: seconds since the epoch, None for what comes from now on, 0 for all there is.

    `passed` is any steady clock, in seconds.
    """

    _same_clock = True

    def __init__(self, marker: str, container: str, cursor: str | None, *, since: float | None, passed: Callable[[], float]) -> None:
        super().__init__(marker, cursor, passed)
        self._container, self._since = container, since

    def script(self) -> str:
        """See Reading."""
        return container_script(self._marker, self._container, self._since if self._stamped.since is None else self._stamped.since)

    def _asked_instead(self) -> float | None:
        return self._began

    def _took(self, whole: bytes) -> Iterator[Piece]:
        """The engine puts a stamp before every line, an empty one too: a bare newline is the one before a word, and what has none is docker's."""
        lines = [line for line in whole.split(b"\n") if line]
        self.complaints = [line[:200].decode("utf-8", "replace") for line in lines if line.startswith(_DOCKER_SAYS)] or self.complaints
        return super()._took(b"".join(line + b"\n" for line in lines))

    def _told(self, word: str, about: list[str]) -> Iterator[Piece]:
        yield from super()._told(word, about)
        if word == "begin" and self._since is None and self._began is not None and not self.resumable:
            self._stamped.begin(self._began)
            yield self._piece()
        elif word == "stopped":
            yield from super()._took(self._lines.finish())
            self._live = True
            piece = self._piece(note=f"container {self._container} is stopped; waiting until it runs again")
            piece.mark = "stopped"
            yield piece
        elif word == "started":
            self.again, self._live = True, False  # this run is over, and nobody hears what it says until the next one
            piece = self._piece(note="")
            piece.mark, piece.reopened = "started", "restarted"
            yield piece
