"""Carries what waits to its targets: one lane a target, so that one that hangs costs nobody else anything. Must not know where parcels are kept.

What is promised: at least once. A parcel waits until it is noted that it arrived or was given up, so none is lost by a stop, a kill or a restart.
One that was under way just then is sent again, and may come twice; so may one whose service took it and did not say so within the deadline.
The other choice, noting before sending, would lose an alarm in the same moments, and an alarm that is lost is worse than one that comes twice.

A try that fails is repeated after 10 s, 30 s, 2 min, 10 min, 30 min, 1 h, 2 h and then every 4 h, each give or take a tenth; after twelve tries,
or when a try fails a day after the message was made, it is given up, counted and logged. After any failure its lane rests for 10 s.

A target gets a bounded number of messages in a while. When more wait than there is room for, the last place takes all of them as one message
that lists their titles: nothing is left out, and nobody is flooded.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from connwatch.alerts.text import Text
from connwatch.model.errors import ConnwatchError
from connwatch.notify.digest import digest
from connwatch.notify.post import DEADLINE, Outcome, post
from connwatch.notify.targets import Target

__all__ = ["AGAIN", "AT_ONCE", "MOST_SECONDS", "MOST_TRIES", "Channel", "Courier", "Parcel", "Queue", "Rate"]

log = logging.getLogger("connwatch")

#: Seconds after each failed try; the last one goes on.
AGAIN: Final = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0)
MOST_TRIES: Final = 12
MOST_SECONDS: Final = 86_400.0
_JITTER: Final = 0.1
#: Sends at once, over all targets: each is a process of 45 MB. Only where so many hang together does one wait for another.
AT_ONCE: Final = 8
_STOP_SECONDS: Final = 3.0
_SHORTEST_WAIT: Final = 0.05  # seconds; for a queue that says that something is due and gives nothing
_LOOK_AGAIN: Final = 60.0  # seconds; a clock that is set, or a wake that was forgotten, delays a message by no more

Post = Callable[[Target, Text, float], Awaitable[Outcome]]
_Send = Callable[[Target, Text], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way to one target. `tries` have failed so far; `created_at` is in seconds since the epoch. `id` is the queue's own."""

    id: int
    target: str
    text: Text
    tries: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many messages in so many seconds."""

    messages: int = 6
    seconds: float = 600.0


class Queue(Protocol):
    """Where parcels wait, safe from a crash. Times are seconds since the epoch."""

    def due(self, target: str, now: float) -> Sequence[Parcel]:
        """What waits for this target and whose time has come, the oldest first."""
        ...

    def next_due(self, target: str) -> float | None:
        """When the time of this target's next parcel comes (or came); None where none waits."""
        ...

    def pending(self, target: str) -> int:
        """How many wait for this target, those for a later time too."""
        ...

    def arrivals(self, target: str, after: float) -> Sequence[float]:
        """When messages arrived at this target after `after`, in order; what came as one counts as one."""
        ...

    async def sent(self, parcels: Sequence[Parcel], at: float) -> None:
        """They arrived, in one message."""
        ...

    async def failed(self, parcel: Parcel, at: float, error: str, again_at: float | None) -> None:
        """A try failed; it is tried again at `again_at`, or given up where that is None."""
        ...


@dataclass(slots=True)
class Channel:
    """What went to one target since the start. `sent` counts messages that arrived and `failures` tries that failed (a digest as one of either);
    `given_up` counts what was held back for good, `pending` waits. `last_success_at` is 0 before the first.
    """

    name: str
    sent: int = 0
    failures: int = 0
    given_up: int = 0
    pending: int = 0
    last_success_at: float = 0.0


class Courier:
    """Sends what the queue holds until it is stopped. `now` gives seconds since the epoch, `chance` a number in [0, 1) for the jitter."""

    def __init__(
        self,
        targets: Sequence[Target],
        queue: Queue,
        now: Callable[[], float],
        *,
        deadline: float = DEADLINE,
        rate: Rate = Rate(),
        post: Post = post,
        chance: Callable[[], float] = random.random,
    ) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def send(target: Target, text: Text) -> Outcome:
            async with room:
                return await post(target, text, deadline)

        self._lanes = [_Lane(target, queue, now, rate, send, chance) for target in targets]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send, in tasks of the running loop."""
        self._tasks = [asyncio.create_task(lane.run(), name=f"notify {lane.target.name}") for lane in self._lanes]

    def wake(self) -> None:
        """There is something new in the queue."""
        for lane in self._lanes:
            lane.woken.set()

    async def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Begin nothing new, wait so long for what is under way, and end it then; it stays in the queue."""
        for lane in self._lanes:
            lane.stopping = True
        self.wake()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds)
            for task in late:
                task.cancel()
            for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    log.error("sending ended early: %s", ended)
        self._tasks = []

    def figures(self) -> list[Channel]:
        """Each target as it is now."""
        return [lane.figures() for lane in self._lanes]


class _Lane:
    """The way to one target."""

    def __init__(self, target: Target, queue: Queue, now: Callable[[], float], rate: Rate, send: _Send, chance: Callable[[], float]) -> None:
        self.target, self.woken, self.stopping = target, asyncio.Event(), False
        self._queue, self._now, self._rate, self._send, self._chance = queue, now, rate, send, chance
        self._counts = Channel(target.name)
        self._arrived = deque(queue.arrivals(target.name, now() - rate.seconds))
        self._unnoted: tuple[Sequence[Parcel], float] | None = None
        self._rests_until = 0.0
        self._failing = False

    def figures(self) -> Channel:
        """The counts, with what waits now."""
        self._counts.pending = self._queue.pending(self.target.name)
        return self._counts

    async def run(self) -> None:
        """Send until told to stop. While the queue cannot note anything, nothing is sent: it would be sent again."""
        while not self.stopping:
            self.woken.clear()
            try:
                wait = await self._turn()
            except ConnwatchError as error:
                log.error("%s: what is sent cannot be noted, sending waits: %s", self.target.name, error)  # noqa: TRY400 - the sentence is the news
                wait = AGAIN[0]
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self.woken.wait()

    async def _turn(self) -> float:
        """Send one message if one is due; the seconds until there is something to do, unless woken."""
        await self._note()
        name, now = self.target.name, self._now()
        free_at = max(self._rests_until if self._rests_until < now + 2 * AGAIN[0] else now, self._room_at(now))
        due = self._queue.due(name, now) if free_at <= now else ()
        if due:
            await self._carry(due if self._room(now) == 1 else due[:1])
            return 0.0
        next_due = self._queue.next_due(name)
        return _LOOK_AGAIN if next_due is None else min(max(next_due - now, free_at - now, _SHORTEST_WAIT), _LOOK_AGAIN)

    def _room(self, now: float) -> int:
        while self._arrived and self._arrived[0] <= now - self._rate.seconds:
            self._arrived.popleft()
        while self._arrived and self._arrived[-1] > now:  # the clock was set back
            self._arrived.pop()
        return self._rate.messages - len(self._arrived)

    def _room_at(self, now: float) -> float:
        """When there is room for one message: `now`, or later."""
        return now if self._room(now) > 0 else self._arrived[-self._rate.messages] + self._rate.seconds

    async def _carry(self, parcels: Sequence[Parcel]) -> None:
        """One try to send these as one message."""
        text = parcels[0].text if len(parcels) == 1 else digest([parcel.text for parcel in parcels])
        outcome = await self._send(self.target, text)
        now = self._now()
        if outcome.sent:
            if self._failing:
                log.info("%s takes messages again", self.target.name)
            self._failing = False
            self._arrived.append(now)
            self._counts.sent += 1
            self._counts.last_success_at = now
            self._unnoted = (parcels, now)
            await self._note()
            return
        if not self._failing:
            log.warning("%s %s; it is tried again", self.target.name, outcome.error)
        self._failing = True
        self._counts.failures += 1
        self._rests_until = now + self._later(0)
        for parcel in parcels:
            await self._failed(parcel, now, outcome.error)

    async def _note(self) -> None:
        if self._unnoted is not None:
            await self._queue.sent(*self._unnoted)
            self._unnoted = None

    async def _failed(self, parcel: Parcel, now: float, error: str) -> None:
        if parcel.tries + 1 < MOST_TRIES and now - parcel.created_at < MOST_SECONDS:
            await self._queue.failed(parcel, now, error, now + self._later(parcel.tries))
            return
        await self._queue.failed(parcel, now, error, None)
        self._counts.given_up += 1
        log.error("%s %s; given up after %d tries: %s", self.target.name, error, parcel.tries + 1, parcel.text.title)

    def _later(self, tries: int) -> float:
        return AGAIN[min(tries, len(AGAIN) - 1)] * (1 - _JITTER + 2 * _JITTER * self._chance())
