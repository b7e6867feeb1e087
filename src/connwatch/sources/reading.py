"""What one response of the engine gives of a log: new lines, the place after them, and what is shown to be lost. Pure; no sockets, no waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connwatch.sources.frames import Lines, LogLine, Restart
from connwatch.sources.landmarks import Landmarks
from connwatch.sources.place import Place
from connwatch.sources.source import Gap, State

__all__ = ["Part", "Reading"]


@dataclass(frozen=True, slots=True)
class Part:
    """Lines, the cursor after them, and how many came again before them. `gap` is what was lost before."""

    data: bytes
    state: State
    cursor: str | None = None
    gap: Gap | None = None
    dropped: int = 0


class Reading:
    """Goes on at `place`. `target` is the newest line at the beginning, None where nothing was unread: until it comes, lines are a backlog.
    `newest` is that line whether it was read or not, None where there is none; `restart` the container's last one, if it is known.

    `fresh` counts new lines; `complaint` is what the engine said instead of a line, or "". Raises GarbledError where the bytes are no log.
    """

    def __init__(self, place: Place, *, terminal: bool, target: int | None, newest: int | None = None, restart: Restart | None = None) -> None:
        place.reopen()
        self.fresh = 0
        self.complaint = ""
        self._place, self._lines = place, Lines(raw=terminal, restart=restart, newest=newest)
        self._landmarks = Landmarks(target, place.at)
        self._behind = False

    def take(self, block: bytes) -> list[Part]:
        """What `block` completes."""
        return self._parts(self._lines.feed(block))

    def finish(self) -> list[Part]:
        """The last line, where its program ended without ending it."""
        return self._parts(self._lines.finish())

    def announce(self, newest: int) -> list[Part]:
        """Say which line is the newest now, in nanoseconds since the epoch: it has to come by. Lines that waited to hear this come now."""
        parts = self._parts(self._lines.settle(newest))
        self._behind = newest < self._place.at and not self._place.knows(newest)
        if newest > self._place.at and newest != self._lines.oldest_open():
            self._landmarks.add(newest)
        return parts

    def still_held(self, oldest: int | None) -> None:
        """Say which line is the oldest one that the engine still has, in nanoseconds since the epoch."""
        if oldest is not None:
            self._landmarks.held(oldest, self._place.at)

    def paused(self) -> bool:
        """Whether it matters which line is the oldest one that the engine still has."""
        return self._landmarks.paused

    def awaits(self) -> bool:
        """Whether an announced line is still to come. The clock may have been set back: what is older than was asked for may never come."""
        return self._behind or self._landmarks.ahead(self._place.at)

    def holds(self, at: int) -> bool:
        """Whether the line with this stamp has begun to come, and its end has not."""
        return self._lines.oldest_open() == at

    def losses(self) -> list[Part]:
        """Gaps around announced lines that others have passed."""
        return [Part(b"", self._state(), gap=_gap(before, after)) for before, after in self._landmarks.missed()]

    def _state(self) -> State:
        return "live" if self._landmarks.target is None else "catching_up"

    def _parts(self, lines: Sequence[LogLine]) -> list[Part]:
        parts: list[Part] = []
        taken: list[bytes] = []
        gap: Gap | None = None
        dropped = 0
        for line in lines:
            if line.at is None:
                self.complaint = line.raw[:200].decode(errors="replace").strip()
                continue
            lost = self._place.lost_before(line)
            if lost is not None:
                if taken:
                    parts.append(Part(b"".join(taken), self._state(), self._cursor(), gap))
                    taken = []
                gap = _gap(lost, line.at)
            self._landmarks.passed(line.at)
            if self._place.take(line):
                taken.append(line.raw)
            else:
                dropped += 1
        self.fresh += len(taken)
        if taken or dropped:
            parts.append(Part(b"".join(taken), self._state(), self._cursor() if taken else None, gap, dropped))
        return parts

    def _cursor(self) -> str:
        return self._place.cursor(self._lines.oldest_open())


def _gap(before: int, after: int) -> Gap:
    return Gap("rotation", before / 1e9, after / 1e9)
