"""The attempts that are under way, as they stand. Bounded by the engine, which bounds what is open; knows nothing of HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from connwatch.model.attempt import Attempt
from connwatch.model.change import Change, Closed, Evicted, Withdrawn

__all__ = ["Board"]


class Board:
    """Open attempts by id. What is final is in the journal."""

    def __init__(self) -> None:
        self._open: dict[str, Attempt] = {}

    def begin(self, attempts: Iterable[Attempt]) -> None:
        """Take what was under way before."""
        self._open = {attempt.id: attempt for attempt in attempts}

    def receive(self, changes: Sequence[Change]) -> None:
        """See Sink."""
        for change in changes:
            if isinstance(change, Withdrawn | Closed | Evicted):
                self._open.pop(change.attempt.id, None)
            else:
                self._open[change.attempt.id] = change.attempt

    def open(self) -> list[Attempt]:
        """The attempts that are not closed."""
        return list(self._open.values())
