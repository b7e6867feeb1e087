"""Everything about telling people in one running daemon: the desk and its words, the postbox, the courier, the heartbeat. Builds and renews; decides
nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connwatch.alerts.alert import REASONS
from connwatch.alerts.desk import Desk
from connwatch.alerts.mutes import Mutes, Window
from connwatch.alerts.policy import Pace, Policy
from connwatch.alerts.text import Text
from connwatch.alerts.wording import Writer
from connwatch.daemon.postbox import Postbox
from connwatch.daemon.telling import Teller
from connwatch.model.attempt import GOOD
from connwatch.model.selection import Selection
from connwatch.notify.courier import Courier, Rate
from connwatch.notify.heartbeat import Heartbeat
from connwatch.notify.targets import Targets
from connwatch.sinks.telling import ChannelFigures, TellingFigures
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.outbox import Outbox, Silences

__all__ = ["Newsroom", "Orders"]

_REMEMBERED = 3600.0  # seconds for which an earlier success speaks against a failure that becomes known later


@dataclass(frozen=True, slots=True)
class Orders:
    """What the configuration says of telling people. Times in seconds; `silent_seconds` 0: a silent source is not told."""

    policy: Policy
    writer: Writer
    targets: Targets = field(default_factory=Targets)
    pace: Pace = field(default_factory=Pace)
    windows: Sequence[Window] = ()
    rate: Rate = field(default_factory=Rate)
    deadline: float = 20.0
    heartbeat_seconds: float = 60.0
    silent_seconds: float = 0.0


class Newsroom:
    """`now` gives seconds since the epoch; `alive` says whether the daemon's loop turns."""

    def __init__(self, journal: Journal, orders: Orders, now: Callable[[], float], alive: Callable[[], bool]) -> None:
        self._now, self._alive, self._orders = now, alive, orders
        library = Library(journal.address)
        outbox = Outbox(library)
        last_alert, last_notice = outbox.last()
        good = library.attempts(Selection(outcomes=[one.value for one in GOOD], since=now() - _REMEMBERED), limit=1000)
        self.desk = Desk(
            orders.policy,
            orders.pace,
            began_at=now(),
            alerts=outbox.in_mind(),
            counted=library.open(),
            good=good,
            last_alert=last_alert,
            last_notice=last_notice,
        )
        silences = Silences(library)
        self._postbox = Postbox(journal, outbox, lambda notice: self._orders.writer.write(notice, library.attempt))
        self.teller = Teller(
            self.desk,
            orders.writer,
            self._route,
            library.attempt,
            lambda at: silences.all(after=at),
            self._postbox.put,
            Mutes(windows=orders.windows),
            orders.silent_seconds,
        )
        self._open()

    def _open(self) -> None:
        orders = self._orders
        self._courier = Courier(orders.targets.targets, self._postbox, self._now, deadline=orders.deadline, rate=orders.rate)
        self._postbox.wake = self._courier.wake
        self._heartbeat = Heartbeat(orders.targets.heartbeat, self._alive, orders.heartbeat_seconds) if orders.targets.heartbeat else None
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, in tasks of the running loop."""
        self._courier.start()
        if self._heartbeat is not None:
            self._beating = asyncio.create_task(self._heartbeat.run(), name="heartbeat")

    async def stop(self) -> None:
        """Begin nothing new; what waits stays in the journal."""
        if self._beating is not None:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
        await self._courier.stop()

    async def renew(self, orders: Orders) -> None:
        """Go on under another configuration. What was decided and what waits stays; counts of targets begin anew."""
        await self.stop()
        self._orders = orders
        self.desk.renew(orders.policy, orders.pace)
        self.teller.writer, self.teller.silent_seconds = orders.writer, orders.silent_seconds
        self.teller.mutes.windows = orders.windows
        self._open()
        self.start()

    def figures(self) -> TellingFigures:
        """As it is now."""
        channels = [
            ChannelFigures(one.name, one.sent, one.failures, one.given_up, one.pending, one.last_success_at) for one in self._courier.figures()
        ]
        beats = (0, 0) if self._heartbeat is None else (self._heartbeat.sent, self._heartbeat.failures)
        given: Mapping[str, int] = {str(reason): count for reason, count in self.desk.reasons().items()}
        wrong = Counter(str(alert.severity) for alert in self.desk.open())
        return TellingFigures(channels, wrong, {reason: given.get(reason, 0) for reason in REASONS}, beats)

    def _route(self, text: Text) -> Sequence[str]:
        return [target.name for target in self._orders.targets.targets if target.wants(text)]
