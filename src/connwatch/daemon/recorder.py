"""The loop that owns the engine: batches in, changes out, time from a clock that is given. Knows no source, sink or web page by kind.

1. Only this loop touches the engine, so the engine needs no lock and its changes have one order. What may take it long it does on a
   thread, and the loop waits for it: others are answered meanwhile.
2. The engine's time is the wall clock's only when all that was read is taken, see `timekeeper`. Where the clock was set back by more than
   `SET_BACK`, what is under way is closed as blind and the engine starts over; by less, time stands until the clock is there again.
3. A turn ends with `advance(watermark)`, see `sources/watermark.py`; then what it brought goes into the journal, and only what stands there
   is published: nobody hears of what a crash could undo.
4. `stop` ends reading at once and takes what was read already; open attempts stay open, because stopping is not the end of time.
   Where every source ends by itself and `until_end` is set, it is: then the engine finishes.
5. `exchange` puts another engine and other sources in place of these, at the same point of the same journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connwatch.daemon.hearing import Ear
from connwatch.daemon.nap import Nap
from connwatch.daemon.restart import Rebuilt, rebuild
from connwatch.daemon.streams import Streams
from connwatch.daemon.timekeeper import Timekeeper
from connwatch.model.change import Change
from connwatch.model.heard import Heard
from connwatch.model.taken import Taken
from connwatch.sources.intake import Intake
from connwatch.sources.source import EVERY_STREAM, Arrival, Batch, Source
from connwatch.sources.supervise import supervise
from connwatch.sources.watermark import HOLD_MAX, Watermark
from connwatch.store.library import Library
from connwatch.store.turn import Standing, Turn

if TYPE_CHECKING:
    from connwatch.daemon.telling import Teller
    from connwatch.engine import Engine
    from connwatch.sinks.sink import Sink
    from connwatch.store.journal import Journal

__all__ = ["Recorder"]

HEARTBEAT = 5.0  # an idle loop turns this often, for the watchdog and /healthz
SETTLING = 0.25  # and this often while lines that just came wait for the watermark
BATCHES_A_TURN = 16
DRAIN_SECONDS = 4.0
BIG_BATCH = 8192  # bytes from which reading a batch is no matter of a moment
SET_BACK = 60.0
SWITCH_SECONDS = 0.001  # how soon a busy engine lets go of the interpreter for somebody else


@dataclass(slots=True)
class _Exchange:
    engine: Engine
    sources: list[Source]
    lateness: float
    done: asyncio.Future[None]


class Recorder:
    """`now` gives the time in seconds since the epoch and runs `pace` times as fast as the wall's (1 except in demonstrations).

    Without a `journal` nothing is kept, and nothing is taken up again. `on_rebuilt` is told what was under way when the engine began,
    `on_heard` of requests the moment that they are read (the engine must be `recording`), `on_taken` of all that was taken from a batch.
    `teller` decides, with each turn that goes into the journal, what people are told.
    """

    def __init__(
        self,
        engine: Engine,
        sources: Sequence[Source],
        sinks: Sequence[Sink],
        *,
        journal: Journal | None = None,
        lateness: float = 2.0,
        now: Callable[[], float] = time.time,
        pace: float = 1.0,
        until_end: bool = False,
        heartbeat: float = HEARTBEAT,
        on_turn: Callable[[], None] = lambda: None,
        on_rebuilt: Callable[[Rebuilt], None] = lambda _: None,
        on_taken: Callable[[Sequence[Taken]], None] = lambda _: None,
        on_heard: Callable[[Sequence[Heard]], None] | None = None,
        teller: Teller | None = None,
    ) -> None:
        self.engine, self.sources = engine, list(sources)
        self.turned_at, self.begun = time.monotonic(), False
        self._sinks, self._journal, self._lateness, self._now, self._pace = list(sinks), journal, lateness, now, pace
        self._until_end, self._heartbeat, self._on_turn, self._on_rebuilt = until_end, heartbeat, on_turn, on_rebuilt
        self._on_heard, self._on_taken, self._teller = on_heard, on_taken, teller
        self._begin_with(sources)
        self._timekeeper = Timekeeper(now)
        self._data_at = 0.0
        self._stopping = self._ending = False
        self._exchange: _Exchange | None = None
        self._nap = Nap()

    def _begin_with(self, sources: Sequence[Source]) -> None:
        self._watermark = Watermark(self._lateness)
        self._intake = Intake(self._frontier)
        self.ear = Ear(sources)
        self._streams = Streams(self.engine, sources, self._journal.known if self._journal is not None else lambda _: None)
        self.owner = self._streams.owner
        self._reopened = Counter({source.name: source.status.reopened.total() for source in sources})

    def stop(self) -> None:
        """Ask `run` to drain and return. May be called from a signal handler of the loop."""
        self._stopping = True
        self._nap.wake()

    def end(self) -> None:
        """Ask `run` to take what is there as the end of time: drain, finish the engine, return."""
        self._ending = True
        self.stop()

    async def exchange(self, engine: Engine, sources: Sequence[Source], lateness: float) -> None:
        """Go on with another engine, which is new, other sources and another lateness. Returns when they are in place; needs a journal."""
        self._exchange = _Exchange(engine, list(sources), lateness, asyncio.get_running_loop().create_future())
        self._nap.wake()
        await self._exchange.done

    async def run(self) -> None:
        """Record until stopped, or, with `until_end`, until every source has ended."""
        sys.setswitchinterval(SWITCH_SECONDS)
        while True:
            await self._begin()
            async with self._reading() as readers:
                while not self._stopping and self._exchange is None and not self._over(readers):
                    if not self._intake.count:
                        await self._rest()
                    await self._turn()
                    await asyncio.sleep(0)
            await self._drain()
            if self._exchange is None:
                break
            await self._change_over(self._exchange)
        if self._ending or (self._until_end and not self._stopping):
            await self._commit(Turn(self._watermark.value(self._now())), await asyncio.to_thread(self.engine.finish))
        if self._journal is not None:
            await self._journal.flush()

    async def _begin(self) -> None:
        """Stand where the journal stands, and open what is known to come."""
        if self._journal is not None:
            library = Library(self._journal.address)
            formats = {source.name: source.format for source in self.sources}
            rebuilt = await asyncio.to_thread(rebuild, self.engine, library, formats, self._beat)
            self._journal.restored(rebuilt.standings)
            self._streams.resume(rebuilt.standings)
            self._on_rebuilt(rebuilt)
            await self._commit(Turn(rebuilt.watermark), rebuilt.changes)
            if (ahead := rebuilt.watermark - self._now()) > SET_BACK:
                await self._start_over(ahead)
        for source in self.sources:
            self._watermark.expect(source.name, self._now())
            self._streams.expect(source)
        self.begun = True

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[list[asyncio.Task[None]]]:
        async with asyncio.TaskGroup() as tasks:
            cursors = self._streams.cursors
            readers = [tasks.create_task(supervise(one, self._intake, cursors=cursors[one.name], now=self._now)) for one in self.sources]
            yield readers
            for reader in readers:
                reader.cancel()

    def _over(self, readers: Sequence[asyncio.Task[None]]) -> bool:
        return self._until_end and not self._intake.count and all(one.done() for one in readers)

    async def _drain(self) -> None:
        give_up = time.monotonic() + DRAIN_SECONDS
        while self._intake.count and time.monotonic() < give_up:
            await self._turn()

    async def _change_over(self, exchange: _Exchange) -> None:
        assert self._journal is not None  # noqa: S101 - said in `exchange`
        await self._journal.flush()
        self.engine, self.sources, self._lateness, self._exchange = exchange.engine, exchange.sources, exchange.lateness, None
        self._begin_with(exchange.sources)
        exchange.done.set_result(None)

    async def _rest(self) -> None:
        """Sleep until a batch comes, a deadline is due, or the heart must beat."""
        self._timekeeper.rests(seconds := self._rest_seconds())
        await self._nap.take(seconds, self._intake.filled())
        self._timekeeper.woke()

    def _rest_seconds(self) -> float:
        now = self._now()
        deadline = self.engine.next_deadline()
        due = min(math.inf if deadline is None else deadline + self._lateness, math.inf if self._teller is None else self._teller.due())
        calm = SETTLING if now - self._data_at <= self._lateness + 1 or self._timekeeper.stands() else self._heartbeat
        left = (due - now) / self._pace
        return max(min(calm, left if left > 0 else 1.0), 0.01)  # overdue means that a source holds the watermark: look again soon

    async def _start_over(self, seconds: float) -> None:
        """The clock was set back by so much."""
        now = self._now()
        changes = await asyncio.to_thread(self.engine.start_over)
        self.engine.deaf(self._streams.of(self.ear.deaf))
        self._watermark.set_back(now)
        self._timekeeper = Timekeeper(self._now)
        self._data_at = now
        if self._teller is not None:
            self._teller.set_back(seconds)
        seen_to = max(self._watermark.value(now), now - self._lateness - HOLD_MAX)
        await self._commit(Turn(seen_to, marks=self.ear.set_back(seconds, now), anew=True), changes)

    async def _turn(self) -> None:
        if (ahead := self._watermark.ahead(self._now())) > SET_BACK:
            await self._start_over(ahead)
        turn = Turn()
        for _ in range(BATCHES_A_TURN):
            if not self._intake.count:
                break
            await self._feed(await self._intake.take(), turn)
        now = self._timekeeper.time(waiting=bool(self._intake.count))
        turn.watermark = self._watermark.value(now)
        if self.engine.is_calm(turn.watermark):
            changes = self.engine.advance(turn.watermark)
        else:
            changes = await asyncio.to_thread(self.engine.advance, turn.watermark)
        if news := self.ear.listen(self._watermark.deaf(now), now):
            turn.marks += news
            self.engine.deaf(self._streams.of(self.ear.deaf))
        await self._commit(turn, changes)
        self._beat()

    def _beat(self) -> None:
        self.turned_at = time.monotonic()
        self._on_turn()

    async def _feed(self, arrival: Arrival, turn: Turn) -> None:
        source, batch = arrival.source, arrival.batch
        self._streams.meet(source, batch)
        turn.marks += batch.marks
        if batch.gap is not None:
            turn.gaps.append((batch.stream, batch.gap))
            self.engine.missed(batch.stream, batch.gap.start, batch.gap.end)
        if batch.data:
            if len(batch.data) >= BIG_BATCH:
                await asyncio.to_thread(self.engine.feed, batch.stream, batch.data, batch.seen_at)
            else:
                self.engine.feed(batch.stream, batch.data, batch.seen_at)
            self._data_at = self._now()
        self._timekeeper.read(batch.seen_at)
        if batch.state == "ended":
            for stream in self._streams.of({source.name}):
                if batch.stream in (stream, EVERY_STREAM):
                    self.engine.end_source(stream)
        self._note(source, batch, turn)
        frontier, oldest = self._frontier(batch.stream), self.engine.oldest(batch.stream) if batch.data else None
        self.ear.heard(source, batch, frontier)
        self._watermark.heard(source.name, batch.stream, batch.state, frontier, self._now(), batch.seen_at, oldest)

    def _note(self, source: Source, batch: Batch, turn: Turn) -> None:
        """What of this batch goes into the journal."""
        taken = self.engine.taken()
        if self._on_heard is not None and taken and (heard := self.engine.glance.at(taken)):
            self._on_heard(heard)
        if self._journal is None:
            return
        turn.take(taken, self._now())
        self._on_taken(taken)
        reopened = source.status.reopened.total()
        if batch.marks or reopened != self._reopened[source.name]:
            self._reopened[source.name] = reopened
            turn.turned.update(self._streams.of({source.name}))
        if batch.stream != EVERY_STREAM and (batch.data or batch.cursor is not None):
            turn.standings[batch.stream] = Standing(source.name, batch.cursor, self.engine.place(batch.stream))

    async def _commit(self, turn: Turn, changes: Sequence[Change]) -> None:
        if self._journal is not None:
            turn.changes = changes
            if self._teller is not None:
                self._teller.take(turn, self._now(), self.sources, self.ear.deaf)
            await self._journal.commit(turn)
            if self._teller is not None:
                self._teller.publish()
        if changes:
            for sink in self._sinks:
                sink.receive(changes)

    def _frontier(self, stream: str) -> float | None:
        return self.engine.frontier(stream) if stream in self._streams else None

    def alive(self) -> bool:
        """Whether the loop turns."""
        return time.monotonic() - self.turned_at < 3 * self._heartbeat

    def ready(self) -> bool:
        """Whether every source has been attached at least once and none is deaf."""
        return self.begun and not self.ear.deaf and all(source.status.attached for source in self.sources)
