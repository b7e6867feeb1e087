"""The attempts that can be looked up: all that are open, and the last ones that were closed. Bounded; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connwatch.model.attempt import Attempt
from connwatch.model.change import Change, Closed, Evicted, Withdrawn

__all__ = ["Board"]


class Board:
    """Attempts by id. `keep` closed ones are remembered; open ones are bounded by the engine."""

    def __init__(self, keep: int = 1000) -> None:
        self._keep = keep
        self._open: dict[str, Attempt] = {}
        self._closed: dict[str, Attempt] = {}

    def receive(self, changes: Sequence[Change]) -> None:
        """See Sink."""
        for change in changes:
            attempt = change.attempt
            if isinstance(change, Withdrawn):
                self._open.pop(attempt.id, None)
            elif isinstance(change, Closed | Evicted):
                self._open.pop(attempt.id, None)
                self._closed[attempt.id] = attempt
                if len(self._closed) > self._keep:
                    del self._closed[next(iter(self._closed))]
            elif attempt.id not in self._closed:
                self._open[attempt.id] = attempt

    def get(self, name: str) -> Attempt | None:
        """One attempt by its id, or None."""
        return self._open.get(name) or self._closed.get(name)

    def newest(self) -> Iterator[Attempt]:
        """All remembered attempts, the latest started first."""
        return iter(sorted((*self._open.values(), *self._closed.values()), key=lambda one: (one.started_at, one.id), reverse=True))

    def open(self) -> list[Attempt]:
        """The attempts that are not closed."""
        return list(self._open.values())
