"""What waits to be sent, between the teller that fills it and the courier that empties it: in memory, and in the journal against a crash.

Must not know how anything is sent. What the last daemon left is taken up; a target that is configured no more keeps what waits for it, until
it comes back or the state forgets it. To one target no word of an alert overtakes an earlier one: to hear first that it works again, and then that
it stopped, misleads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from connwatch.alerts.alert import Notice
from connwatch.alerts.text import Text
from connwatch.daemon.telling import Posted
from connwatch.model.errors import SourceError
from connwatch.notify.courier import Parcel
from connwatch.store.journal import Journal
from connwatch.store.outbox import Outbox

__all__ = ["Postbox"]


class _Waiting(NamedTuple):
    """A parcel, when it is due (seconds since the epoch), and the alerts that it is about."""

    due_at: float
    parcel: Parcel
    alerts: frozenset[int]


def _alerts(notice: Notice) -> frozenset[int]:
    return frozenset(entry.alert for entry in notice.entries)


class Postbox:
    """A courier's Queue. `word` puts a message that the last daemon left into words; `wake` is called when there is something new."""

    def __init__(self, journal: Journal, outbox: Outbox, word: Callable[[Notice], Text]) -> None:
        self._journal, self._outbox = journal, outbox
        self._waiting: dict[str, dict[int, _Waiting]] = {}  # by target, then by message, in their order
        self.wake: Callable[[], None] = lambda: None
        for one in outbox.waiting():
            parcel = Parcel(one.notice.id, one.target, word(one.notice), one.tries, one.notice.at)
            self._waiting.setdefault(one.target, {})[one.notice.id] = _Waiting(one.again_at, parcel, _alerts(one.notice))

    def put(self, posted: Sequence[Posted]) -> None:
        """What was told just now."""
        for one in posted:
            for target in one.targets:
                parcel = Parcel(one.notice.id, target, one.text, 0, one.notice.at)
                self._waiting.setdefault(target, {})[one.notice.id] = _Waiting(one.notice.at, parcel, _alerts(one.notice))
        self.wake()

    def due(self, target: str, now: float) -> Sequence[Parcel]:
        """See Queue."""
        due: list[Parcel] = []
        later: set[int] = set()
        for one in self._waiting.get(target, {}).values():
            if one.due_at <= now and later.isdisjoint(one.alerts):
                due.append(one.parcel)
            else:
                later |= one.alerts
        return due

    def next_due(self, target: str) -> float | None:
        """See Queue."""
        soonest: float | None = None
        before: set[int] = set()
        for one in self._waiting.get(target, {}).values():
            if before.isdisjoint(one.alerts):
                soonest = one.due_at if soonest is None else min(soonest, one.due_at)
            before |= one.alerts
        return soonest

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
        waiting = self._waiting[parcel.target]
        again = Parcel(parcel.id, parcel.target, parcel.text, tries, parcel.created_at)
        waiting[parcel.id] = _Waiting(again_at, again, waiting[parcel.id].alerts)
        await self._journal.settle(parcel.id, parcel.target, "waiting", tries=tries, at=again_at, error=error)
