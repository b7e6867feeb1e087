"""One HTTP request as several logs tell of it, and those of them that a proxy's line told of before the application's was read. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from connwatch.model.event import Event, Evidence
from connwatch.model.record import Request

__all__ = ["Exchange", "Overtaken", "Target", "target_of"]

Target = tuple[str, str, tuple[tuple[str, str], ...]]
_BEHIND = 1.0  # seconds by which a line without a time may be read after the proxy's line of the same request


@dataclass(slots=True)
class Exchange:
    """One HTTP request, as far as the logs have told it. `event` is set once it was handed on, and shares the evidence from then on."""

    at: float
    source: int
    request: Request
    line: int  # in the log that told of it first
    evidence: list[Evidence]
    keys: list[tuple[str, str]]
    facts: dict[str, str]
    due: float  # when it goes on: with its proxy's line, or when that is not waited for any longer
    event: Event | None = None


@dataclass(slots=True)
class Overtaken:
    """Requests that went on with the proxy's line alone, for as long as a line without a time may still come in from their application."""

    _alone: deque[tuple[float, Exchange]] = field(default_factory=lambda: deque(maxlen=256))

    def went_alone(self, at: float, exchange: Exchange) -> None:
        """Take note of one, at the time that the proxy's line says."""
        self._alone.append((at, exchange))

    def partner(self, at: float, app: Request) -> Exchange | None:
        """The first that this line can be of; `at` is when the line was read. It is given once."""
        while self._alone and at - self._alone[0][0] > _BEHIND:
            self._alone.popleft()
        for row in self._alone:
            known = row[1].request
            if known.path == app.path and target_of(known) == target_of(app) and app.status in (None, known.status):
                self._alone.remove(row)
                return row[1]
        return None


def target_of(request: Request) -> Target:
    """What the logs of one request agree about: method, path, and what the query says in any order."""
    return request.method, request.path, tuple(sorted(request.params.items()))
