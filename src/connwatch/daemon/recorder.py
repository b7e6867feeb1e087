"""The loop that owns the engine: batches in, changes out, time from a clock that is given. Knows no source, sink or web page by kind.

1. Only this loop touches the engine, so the engine needs no lock and its changes have one order. What may take it long it does on a
   thread, and the loop waits for it: others are answered meanwhile.
2. While batches wait, the time is that at which the batch just taken was read; the wall clock counts only when all is taken. A busy
   engine therefore never takes unread lines for silence.
3. A turn ends with `advance(watermark)`, see `sources/watermark.py`.
4. `stop` ends reading at once and takes what was read already; open attempts stay open, because stopping is not the end of time.
   Where every source ends by itself and `until_end` is set, it is: then the engine finishes.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from connwatch.model.change import Change
from connwatch.sources.intake import Intake
from connwatch.sources.source import EVERY_STREAM, Arrival, Source
from connwatch.sources.supervise import supervise
from connwatch.sources.watermark import Watermark

if TYPE_CHECKING:
    from connwatch.engine import Engine
    from connwatch.sinks.sink import Sink

__all__ = ["Recorder"]

log = logging.getLogger("connwatch")

HEARTBEAT = 5.0  # an idle loop turns this often, for the watchdog and /healthz
SETTLING = 0.25  # and this often while lines that just came wait for the watermark
BATCHES_A_TURN = 16
DRAIN_SECONDS = 4.0
BIG_BATCH = 8192  # bytes from which reading a batch is no matter of a moment
SWITCH_SECONDS = 0.001  # how soon a busy engine lets go of the interpreter for somebody else


class Recorder:
    """`now` gives the time in seconds since the epoch and runs `pace` times as fast as the wall's (1 except in demonstrations)."""

    def __init__(
        self,
        engine: Engine,
        sources: Sequence[Source],
        sinks: Sequence[Sink],
        *,
        lateness: float = 2.0,
        now: Callable[[], float] = time.time,
        pace: float = 1.0,
        until_end: bool = False,
        heartbeat: float = HEARTBEAT,
        on_turn: Callable[[], None] = lambda: None,
    ) -> None:
        self.engine, self.sources = engine, list(sources)
        self.turned_at = time.monotonic()
        self.deaf: list[str] = []
        self._sinks, self._lateness, self._now, self._pace = list(sinks), lateness, now, pace
        self._until_end, self._heartbeat, self._on_turn = until_end, heartbeat, on_turn
        self._watermark = Watermark(lateness)
        self._intake = Intake(self._frontier)
        self._streams: dict[str, str] = {}  # engine's name -> source's name
        self._read_at = now()
        self._data_at = 0.0
        self._stopping = self._ending = False
        self._nap: asyncio.Timeout | None = None

    def stop(self) -> None:
        """Ask `run` to drain and return. May be called from a signal handler of the loop."""
        self._stopping = True
        if self._nap is not None:
            self._nap.reschedule(asyncio.get_running_loop().time())

    def end(self) -> None:
        """Ask `run` to take what is there as the end of time: drain, finish the engine, return."""
        self._ending = True
        self.stop()

    async def run(self) -> None:
        """Record until stopped, or, with `until_end`, until every source has ended."""
        sys.setswitchinterval(SWITCH_SECONDS)
        for source in self.sources:
            self._watermark.expect(source.name, self._now())
            for stream in source.expected:
                self._open(source, stream)
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(supervise(source, self._intake, now=self._now)) for source in self.sources]
            while not self._stopping and not (self._until_end and not self._intake.count and all(one.done() for one in readers)):
                if not self._intake.count:
                    await self._rest()
                await self._turn()
                await asyncio.sleep(0)
            for reader in readers:
                reader.cancel()
        give_up = time.monotonic() + DRAIN_SECONDS
        while self._intake.count and time.monotonic() < give_up:
            await self._turn()
        if self._ending or (self._until_end and not self._stopping):
            self._publish(await asyncio.to_thread(self.engine.finish))

    async def _rest(self) -> None:
        """Sleep until a batch comes, a deadline is due, or the heart must beat."""
        try:
            async with asyncio.timeout(self._rest_seconds()) as self._nap:
                await self._intake.filled()
        except TimeoutError:
            return
        finally:
            self._nap = None

    def _rest_seconds(self) -> float:
        now = self._now()
        seconds = self._heartbeat
        if now - self._data_at <= self._lateness + 1:
            seconds = SETTLING
        due = self.engine.next_deadline()
        if due is not None:
            left = (due + self._lateness - now) / self._pace
            seconds = min(seconds, left if left > 0 else 1.0)  # overdue means that a source holds the watermark: look again soon
        return max(seconds, 0.01)

    async def _turn(self) -> None:
        changes: list[Change] = []
        for _ in range(BATCHES_A_TURN):
            if not self._intake.count:
                break
            changes += await self._feed(await self._intake.take())
        now = self._now() if not self._intake.count else self._read_at
        changes += await asyncio.to_thread(self.engine.advance, self._watermark.value(now))
        self._publish(changes)
        self._listen(now)
        self.turned_at = time.monotonic()
        self._on_turn()

    async def _feed(self, arrival: Arrival) -> list[Change]:
        source, batch = arrival.source, arrival.batch
        changes: list[Change] = []
        if batch.stream != EVERY_STREAM and batch.stream not in self._streams:
            self._open(source, batch.stream)
        if batch.data:
            if len(batch.data) >= BIG_BATCH:
                changes += await asyncio.to_thread(self.engine.feed, batch.stream, batch.data, batch.seen_at)
            else:
                changes += self.engine.feed(batch.stream, batch.data, batch.seen_at)
            self._data_at = self._now()
        if batch.seen_at is not None:
            self._read_at = max(self._read_at, batch.seen_at)
        if batch.state == "ended":
            for stream in [name for name, owner in self._streams.items() if batch.stream in (name, EVERY_STREAM) and owner == source.name]:
                changes += self.engine.end_source(stream)
        frontier = self._frontier(batch.stream)
        if batch.data and frontier is not None:
            source.status.newest_at = max(frontier, source.status.newest_at or frontier)
            if batch.seen_at is not None:
                source.status.lag = batch.seen_at - frontier
        self._watermark.heard(source.name, batch.stream, batch.state, frontier, self._now())
        return changes

    def _open(self, source: Source, stream: str) -> None:
        self._streams[stream] = source.name
        self.engine.open_source(stream, source.format)

    def _frontier(self, stream: str) -> float | None:
        return self.engine.frontier(stream) if stream in self._streams else None

    def _listen(self, now: float) -> None:
        """Say once when a source falls deaf, and once when it hears again."""
        deaf = self._watermark.deaf(now)
        if deaf == self.deaf:
            return
        notes = {source.name: source.status.note for source in self.sources}
        for name in set(deaf) - set(self.deaf):
            log.warning(
                "source %s has been unreadable for a minute: %s; what only it could show is unknown until it is back", name, notes.get(name, "")
            )
        for name in set(self.deaf) - set(deaf):
            log.warning("source %s is back", name)
        self.deaf = deaf
        self.engine.deaf(stream for stream, source in self._streams.items() if source in deaf)

    def _publish(self, changes: Sequence[Change]) -> None:
        if changes:
            for sink in self._sinks:
                sink.receive(changes)

    def owner(self, stream: str) -> str:
        """The configured source that a stream of the engine belongs to."""
        return self._streams.get(stream, stream)

    def alive(self) -> bool:
        """Whether the loop turns."""
        return time.monotonic() - self.turned_at < 3 * self._heartbeat

    def ready(self) -> bool:
        """Whether every source has been attached at least once and none is deaf."""
        return not self.deaf and all(source.status.attached for source in self.sources)
