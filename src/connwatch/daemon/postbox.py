"""What waits to be sent, between the teller that fills it and the courier that empties it: in memory, and in the journal against a crash.

Must not know how anything is sent. What the last daemon left is taken up; a target that is configured no more keeps what waits for it, until
it comes back or the state forgets it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connwatch.alerts.alert import Notice
from connwatch.alerts.text import Text
from connwatch.daemon.telling import Posted
from connwatch.model.errors import SourceError
from connwatch.notify.courier import Parcel
from connwatch.store.journal import Journal
from connwatch.store.outbox import Outbox

__all__ = ["Postbox"]


class Postbox:
    """A courier's Queue. `word` puts a message that the last daemon left into words; `wake` is called when there is something new."""

    def __init__(self, journal: Journal, outbox: Outbox, word: Callable[[Notice], Text]) -> None:
        self._journal, self._outbox = journal, outbox
        self._waiting: dict[str, dict[int, tuple[float, Parcel]]] = {}  # by target, then by message: when it is due
        self.wake: Callable[[], None] = lambda: None
        for one in outbox.waiting():
            parcel = Parcel(one.notice.id, one.target, word(one.notice), one.tries, one.notice.at)
            self._waiting.setdefault(one.target, {})[one.notice.id] = one.again_at, parcel

    def put(self, posted: Sequence[Posted]) -> None:
        """What was told just now."""
        for one in posted:
            for target in one.targets:
                self._waiting.setdefault(target, {})[one.notice.id] = one.notice.at, Parcel(one.notice.id, target, one.text, 0, one.notice.at)
        self.wake()

    def due(self, target: str, now: float) -> Sequence[Parcel]:
        """See Queue."""
        return [parcel for at, parcel in self._waiting.get(target, {}).values() if at <= now]

    def next_due(self, target: str) -> float | None:
        """See Queue."""
        return min((at for at, _ in self._waiting.get(target, {}).values()), default=None)

    def pending(self, target: str) -> int:
        """See Queue."""
        return len(self._waiting.get(target, {}))

    def arrivals(self, target: str, after: float) -> Sequence[float]:
        """See Queue."""
        try:
            return self._outbox.arrivals(target, after)
        except SourceError:
            return ()

    async def sent(self, parcels: Sequence[Parcel], at: float) -> None:
        """See Queue."""
        for parcel in parcels:
            self._waiting[parcel.target].pop(parcel.id, None)
        for parcel in parcels:
            await self._journal.settle(parcel.id, parcel.target, "sent", tries=parcel.tries + 1, at=at)

    async def failed(self, parcel: Parcel, at: float, error: str, again_at: float | None) -> None:
        """See Queue."""
        tries = parcel.tries + 1
        if again_at is None:
            self._waiting[parcel.target].pop(parcel.id, None)
            await self._journal.settle(parcel.id, parcel.target, "failed", tries=tries, at=at, error=error)
            return
        again = Parcel(parcel.id, parcel.target, parcel.text, tries, parcel.created_at)
        self._waiting[parcel.target][parcel.id] = again_at, again
        await self._journal.settle(parcel.id, parcel.target, "waiting", tries=tries, at=again_at, error=error)
