"""One container's log, or that of its successors under the same name, as one stream. It must not know how containers are chosen.

The end of a response says nothing: stopped, restarted, removed, engine gone and connection cut all look alike. So after every end the
container is looked at, and so is the stamp of its newest line:

* gone: what comes next is the oldest container under the name that was made after it, from its beginning; while there is none, "down";
* not running, and everything read: quiet, which is not deaf. An event wakes us;
* running, or something unread: read on from the place where we were.

A follow that says nothing is not believed either. The newest stamp, asked for now and then, is a *landmark*: it has to come by. If nothing
comes, the follow has gone silent and is opened again. If others come past it, the engine's rotation was faster than the reading.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from connwatch.model.errors import SourceError
from connwatch.model.mark import Mark
from connwatch.sources.containers import Facts, Known
from connwatch.sources.dockerlink import Link, UnreadableError
from connwatch.sources.flow import Flow
from connwatch.sources.frames import GarbledError
from connwatch.sources.place import Place
from connwatch.sources.reading import Part, Reading
from connwatch.sources.source import Batch, Gap, SourceStatus, State

__all__ = ["NOBODY", "ContainerLog"]

NOBODY = '{"id":null}'
"""The cursor of a name that no container had: whatever appears under it is new from its first line."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
SHORT_FOLLOW = 1.0
BUSY_BYTES, BUSY_SECONDS = 64 * 1024, 0.1
"""After so much from a log that rotates, but not more often than this, its newest line is asked for."""


class ContainerLog:
    """`watch_seconds` is how often a follow is checked. `put` hands on a batch; `told` is called when `note` has changed."""

    def __init__(
        self,
        stream: str,
        link: Link,
        status: SourceStatus,
        *,
        put: Callable[[Batch], Awaitable[None]],
        told: Callable[[], None],
        now: Callable[[], float],
        watch_seconds: float,
        cursor: str | None,
        at_end: bool,
        missing: str,
    ) -> None:
        self.stream, self.note = stream, ""
        self.state: State = "catching_up"
        self._link, self._status, self._put, self._told, self._now = link, status, put, told, now
        self._watch, self._missing, self._at_end = watch_seconds, missing, at_end and cursor is None
        self._place: Place | None = None
        self._resumed = False
        self._said: State | None = None
        self._listed: list[Known] = []
        self._woken = asyncio.Event()
        self._run = ""
        self._format: str | None = None
        self._pause = 0.0
        self._read_at: float | None = None  # by a clock that nobody sets
        self._owed = False  # the engine has told of a line that has not come
        self._in_vain: int | None = None
        self._complaint = ""
        if cursor is not None and cursor != NOBODY:
            try:
                self._place, self._resumed = Place.parse(cursor), True
            except ValueError:
                self._status.gaps["cursor"] += 1

    def wake(self, listed: Sequence[Known]) -> None:
        """Something has happened; these are the containers of this name now."""
        self._listed = list(listed)
        self._woken.set()

    async def mark(self, mark: Mark) -> None:
        """Hand on what became known of the program."""
        await self._put(Batch(self.stream, b"", self._now(), self.state, marks=(mark,)))

    async def run(self) -> None:
        """Read until cancelled. Raises SourceError where the engine cannot be asked."""
        await self._woken.wait()
        while True:
            self._woken.clear()
            one = await self._next()
            if one is None:
                if self._owed:
                    await self._lost(self._now())
                await self._tell("down", self._missing, cursor=NOBODY if self._place is None else None)
                await self._woken.wait()
            else:
                await self._read(one)

    # which container

    async def _next(self) -> Known | None:
        place = self._place
        if place is None:
            if not self._listed:
                self._at_end = False  # what appears from now on is new from its first line
                return None
            one = (await self._later(None))[-1 if self._at_end else 0]
            self._place = Place(one.id, one.created)
            return one
        same = next((one for one in self._listed if one.id == place.container), None)
        return same or await self._follow_on()

    async def _later(self, place: Place | None) -> list[Known]:
        """The containers of the name that were made after that of `place`, the oldest first. The list tells whole seconds: what was made in one
        second is looked at more closely. The ids make sure that no two are ever each other's successor.
        """
        others = [one for one in self._listed if place is None or (one.created >= place.created and one.id != place.container)]
        seconds = Counter(one.created for one in others)
        seconds.update(() if place is None else [place.created])
        found: list[tuple[int, int, str, Known]] = []
        for one in others:
            facts = await self._facts(one) if seconds[one.created] > 1 else None
            found.append((one.created, facts.made if facts is not None else 0, one.id, one))
        after = (0, 0, "") if place is None else (place.created, place.made, place.container)
        return [one for *key, one in sorted(found, key=lambda each: each[:3]) if tuple(key) > after]

    async def _follow_on(self) -> Known | None:
        """The next container of the name, if there is one."""
        place = self._place
        if place is None or not (later := await self._later(place)):
            return None
        facts = await self._facts(later[0])
        started = facts.restart.began / 1e9 if facts is not None and facts.restart is not None else 0.0
        await self._lost(max(later[0].created, started))  # compose makes the new one before it ends the old one
        self._status.reopened["recreated"] += 1
        self._at_end = False
        self._place, self._run, self._pause = Place(later[0].id, later[0].created), "", 0.0
        if facts is not None:
            await self.mark(Mark(facts.made / 1e9, self.stream, "replaced", f"image {facts.image}"))
        return later[0]

    async def _lost(self, until: float) -> None:
        """Nothing more will come of the container. Tell what nobody has read: what was announced, or whatever there was while nobody looked."""
        if self._place is None or not (self._resumed or self._owed):
            return
        self._resumed = self._owed = False
        await self._gap("removed", max(self._place.at / 1e9, self._place.created), until)

    # one container

    async def _read(self, one: Known) -> None:
        """Read what can be read of it now; return when it has to be looked at again."""
        place = self._place
        facts = await self._facts(one)
        if facts is None or place is None:
            self._listed = [other for other in self._listed if other.id != one.id]
            return
        self._resumed, self._format, place.made = False, facts.format, facts.made
        try:
            newest = await self._link.newest(one.id, terminal=facts.terminal)
            if self._at_end:
                self._at_end = False
                place.skip_to(newest or 0)
                await self._put(Batch(self.stream, b"", self._now(), self.state, place.cursor()))
            if newest is not None and place.went_back(newest):
                since = place.created if self._read_at is None else self._now() - (time.monotonic() - self._read_at)
                await self._gap("clock", since, newest / 1e9)
            self._owed = newest is not None and not place.knows(newest)
            unread = self._owed and newest != self._in_vain
            if facts.running or unread:
                await self._follow(one, place, facts, newest, unread=unread)
                return
        except UnreadableError as error:
            if facts.status in ("removing", "dead"):
                await self._wait(self._watch)
                return
            await self._tell("down", facts.unreadable(one.name, str(error)), cursor=place.cursor())
            await self._wait(self._watch)
            return
        if await self._follow_on() is not None:
            return
        await self._tell("live", f'container "{one.name}" is not running ({facts.status}, exit status {facts.exit_code})')
        await self._wait(self._watch)

    async def _facts(self, one: Known) -> Facts | None:
        found = await self._link.inspect(one.id)
        try:
            return None if found is None else Facts.of(found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError(f'what {self._link.address} gives as container "{one.name}" is none') from error

    async def _follow(self, one: Known, place: Place, facts: Facts, newest: int | None, *, unread: bool) -> None:
        if self._run:
            self._status.reopened["cut" if self._run == facts.run else "restarted"] += 1
        self._run = facts.run
        began = time.monotonic()
        flow = await self._link.follow(one.id, place.since())
        target = newest if unread else None
        try:
            facts = (await self._facts(one) if facts.terminal else None) or facts  # it may have been started again while we asked
            reading = Reading(place, terminal=facts.terminal, target=target, newest=newest, restart=facts.restart)
            if not self._complaint:
                await self._tell("live" if target is None else "catching_up", "")
            silent = await self._flow(flow, one, facts, reading)
        except GarbledError as error:
            raise SourceError(f'what {self._link.address} gives as the log of "{one.name}" is no log: {error}') from error
        finally:
            await flow.close()
        if flow.complete and not facts.running:
            await self._give(reading.finish())
        await self._give(reading.losses())
        self._owed = reading.awaits()
        if target is not None and not reading.fresh and not reading.complaint and (flow.complete or reading.holds(target)):
            self._in_vain = target  # it is announced and never comes: what is there has been read
        self._complaint = reading.complaint
        if reading.complaint:
            await self._tell("down", f'the engine cannot read the log of "{one.name}": {reading.complaint}')
        if silent:
            self._status.reopened["silent"] += 1
            self._run = ""
        elif not reading.fresh and time.monotonic() - began < SHORT_FOLLOW:
            self._pause = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            await self._wait(self._pause)
            return
        self._pause = 0.0

    async def _flow(self, flow: Flow, one: Known, facts: Facts, reading: Reading) -> bool:
        """Read until the response ends; True where it has gone silent."""
        look_at = time.monotonic() + self._watch
        enough = min(facts.rotates_at // 4, BUSY_BYTES) if facts.rotates_at else 0
        looked = time.monotonic() - BUSY_SECONDS
        volume, heard = 0, 0
        while True:
            try:
                async with asyncio.timeout(max(0.0, look_at - time.monotonic())):
                    block = await flow.read()
            except TimeoutError:
                block = None
            if block == b"":
                return False
            if block is not None:
                volume += len(block)
                await self._give(reading.take(block))
                if not enough or volume < enough or time.monotonic() - looked < BUSY_SECONDS:
                    continue  # else a rotation may pass unseen: what is the newest line now has to come by
            else:
                look_at = time.monotonic() + self._watch
                if reading.awaits() and reading.fresh == heard:
                    return True
                heard = reading.fresh
                await self._give(reading.losses())
            if enough and (volume >= enough or reading.paused()):
                reading.still_held(await self._link.oldest(one.id, terminal=facts.terminal))
            await self._give(reading.losses())
            volume, looked = 0, time.monotonic()
            newest = await self._link.newest(one.id, terminal=facts.terminal)
            if newest is not None and newest != self._in_vain:
                await self._give(reading.announce(newest))

    # telling

    async def _give(self, parts: Sequence[Part]) -> None:
        """Hand on what a follow gave, and count it."""
        for part in parts:
            now = self._now()
            if part.data:
                self._status.bytes += len(part.data)
                self._status.last_read_at = now
                self._complaint, self._read_at = "", time.monotonic()
            if part.gap is not None:
                self._status.gaps[part.gap.reason] += 1
            self._status.duplicates += part.dropped
            seen_at = None if part.data and self.state == "catching_up" else now
            changed = part.state != self._said
            self.state = self._said = part.state
            if part.data or part.gap is not None or changed:
                await self._put(Batch(self.stream, part.data, seen_at, part.state, part.cursor, gap=part.gap, format=self._format))

    async def _gap(self, reason: str, since: float, until: float) -> None:
        self._status.gaps[reason] += 1
        await self._put(Batch(self.stream, b"", self._now(), self.state, gap=Gap(reason, min(since, until), until)))

    async def _tell(self, state: State, note: str, *, cursor: str | None = None) -> None:
        if note != self.note:
            self.note = note
            self._told()
        if state != self._said:
            self.state = self._said = state
            await self._put(Batch(self.stream, b"", self._now(), state, cursor))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
