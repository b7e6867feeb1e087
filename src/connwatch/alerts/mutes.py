"""What speaks against telling: silences, maintenance windows, sources that cannot be heard, containers on their way up. Knows no alert's past."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from connwatch.alerts.alert import Alert, Key, Reason
from connwatch.model.attempt import Attempt
from connwatch.model.mark import Mark

__all__ = ["Mutes", "Restarts", "Silence", "Window", "heard_by"]

_DOWN: Final = frozenset({"stopped", "died", "removed"})
_UP: Final = frozenset({"started", "replaced"})
_BEFORE, _AFTER = 10.0, 15.0  # seconds around a restart in which requests break: a program says good-bye, and warms up


def heard_by(attempt: Attempt) -> list[str]:
    """The sources that told of an attempt: those that would tell how it goes on. A stream is called "source" or "source/file"."""
    return sorted({place.source.partition("/")[0] for step in attempt.steps for place in step.event.evidence})


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of what fits, between two times (seconds since the epoch). Globs, compared without case; `*` is everything."""

    id: int
    since: float
    until: float
    client: str = "*"
    server: str = "*"
    code: str = "*"
    comment: str = ""

    def covers(self, key: Key, now: float) -> bool:
        """Whether it holds for this now."""
        return self.since <= now < self.until and key.fits(client=self.client, server=self.server, code=self.code)


class Window(Protocol):
    """A maintenance window that comes again and again."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def covers(self, key: Key, now: float) -> bool:
        """Whether it holds for this now."""


class Restarts:
    """When programs went down and came up again, as far as their sources told."""

    def __init__(self) -> None:
        self._down: dict[str, float] = {}
        self._spans: deque[tuple[float, float]] = deque(maxlen=100)

    def take(self, marks: Iterable[Mark]) -> None:
        """Hear of what happened to containers."""
        for mark in marks:
            if mark.what in _DOWN:
                self._down.setdefault(mark.source, mark.at)
                if len(self._down) > 1000:
                    self._down.pop(next(iter(self._down)))
            elif mark.what in _UP:
                down = self._down.pop(mark.source, None)
                if down is not None:
                    self._spans.append((down, mark.at))

    def cover(self, first: float, last: float) -> bool:
        """Whether everything between two times happened around one restart that is over."""
        return any(down - _BEFORE <= first and last <= up + _AFTER for down, up in self._spans)


@dataclass(slots=True)
class Mutes:
    """All of it as it is now. `deaf` names the sources that cannot be read."""

    silences: Sequence[Silence] = ()
    windows: Sequence[Window] = ()
    deaf: Collection[str] = ()
    restarts: Restarts = field(default_factory=Restarts)

    def against(self, alert: Alert, now: float, stale: float) -> tuple[Reason, str] | None:
        """Why this is not told now, with what the reason is about. `stale`: seconds after which it is no news."""
        key = alert.key
        for silence in self.silences:
            if silence.covers(key, now):
                return "silenced", f"silence {silence.id}" + (f": {silence.comment}" if silence.comment else "")
        for window in self.windows:
            if window.covers(key, now):
                return "maintenance", window.name
        if key.about_source:
            return None
        if now - alert.last_at > stale:
            return "stale", ""
        deaf = [source for source in alert.heard_by if source in self.deaf]
        if deaf:
            return "source-deaf", ", ".join(deaf)
        if self.restarts.cover(alert.first_at, alert.last_at):
            return "restarting", ""
        return None
