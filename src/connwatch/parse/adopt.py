"""Messages that an application prints before the access line of the request they are about, waiting for that line.

1. At most `MOST` messages wait, each for at most `PATIENCE` seconds or `LINES` access lines; then they go out unbound.
2. A key is exact, so a message with keys is bound only where no other message wants the same access line.
3. Trouble goes out bound or unbound with its text; the first that fits takes the line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from connwatch.model.record import Detail, Record, Request, Trouble

__all__ = ["LINES", "MOST", "PATIENCE", "Waiting"]

MOST = 16
PATIENCE = 1.0
LINES = 12


@dataclass(slots=True)
class _Want:
    record: Detail | Trouble
    method: str
    statuses: frozenset[int]
    left: int = LINES

    def fits(self, request: Request) -> bool:
        return (not self.method or self.method == request.method) and (not self.statuses or request.status in self.statuses)


_Gone = Callable[[int, _Want], bool]


class Waiting:
    """The messages of one source that have no request yet."""

    def __init__(self) -> None:
        self._wants: list[_Want] = []

    def add(self, record: Detail | Trouble, method: str, statuses: frozenset[int]) -> list[Record]:
        """Keep a message; what had to make room comes back."""
        self._wants.append(_Want(record, method, statuses))
        return self._leave(lambda index, _: index < len(self._wants) - MOST)

    def meet(self, request: Request) -> list[Record]:
        """What an access line settles, to follow the request itself."""
        settled: list[Record] = []
        for kind in (Detail, Trouble):
            fitting = [want for want in self._wants if isinstance(want.record, kind) and want.fits(request)]
            if not fitting or (kind is Detail and len(fitting) > 1):
                continue
            settled.append(_bound(fitting[0].record, request))
            self._wants.remove(fitting[0])
        for want in self._wants:
            want.left -= 1
        return settled + self._leave(lambda _, want: want.left <= 0)

    def expire(self, now: float | None) -> list[Record]:
        """What has waited too long by the stamp of a later line; without stamps only the count of access lines tells."""
        if now is None or not self._wants:
            return []
        return self._leave(lambda _, want: want.record.at is not None and now - want.record.at > PATIENCE)

    def release(self) -> list[Record]:
        """Everything, unbound."""
        return self._leave(lambda _index, _want: True)

    def _leave(self, gone: _Gone) -> list[Record]:
        going = [want for index, want in enumerate(self._wants) if gone(index, want)]
        self._wants = [want for want in self._wants if not any(want is other for other in going)]
        return [want.record for want in going]


def _bound(record: Detail | Trouble, request: Request) -> Record:
    """The record with its request, which takes over what it says: who sorts by time meets the message first."""
    if isinstance(record, Detail):
        request.keys.extend(key for key in record.keys if key not in request.keys)
        request.facts.update(record.facts)
        return replace(record, of=request.line, at=request.at)
    request.facts["cause"] = record.cause
    if request.at is not None:
        record = replace(record, at=request.at, coarse=request.coarse)
    return replace(record, method=request.method, path=request.path, params=request.params, address=request.address)
