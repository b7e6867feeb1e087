"""Keeps the list of the containers that are meant true, and a reader for each name. Knows nothing of what is in a log.

The engine's events say when to look at the list; a slow look of its own stands behind them. The events' stream may end at any time and is
opened again from the last event on: only where that fails is the engine gone.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from connwatch.model.errors import SourceError
from connwatch.sources.containers import Choice, Known, identity, mark_of
from connwatch.sources.dockerlink import Link
from connwatch.sources.dockerlog import NOBODY, ContainerLog
from connwatch.sources.flow import Flow
from connwatch.sources.source import EVERY_STREAM, Batch, SourceStatus

__all__ = ["ContainerWatch", "Remembered"]

GONE_SECONDS = 60.0
WAITING = 4
MAX_CONTAINERS = 64
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
SHORT = 1.0
MAX_EVENT = 1024 * 1024


@dataclass(slots=True)
class Remembered:
    """What outlives one run of the source: the streams found at the first look (None before it), and how far events were heard."""

    first: frozenset[str] | None = None
    heard_to: str | None = None
    heard: deque[tuple[int, str, str]] = field(default_factory=lambda: deque(maxlen=64))


class ContainerWatch:
    """One run of the source `name`. `at_end`: whether to begin at the end of logs that are there at the first look. `seconds`: between slow looks."""

    def __init__(
        self,
        name: str,
        choice: Choice,
        link: Link,
        status: SourceStatus,
        after: Mapping[str, str],
        remembered: Remembered,
        *,
        at_end: bool,
        seconds: float,
        now: Callable[[], float],
    ) -> None:
        self._name, self._choice, self._link, self._status = name, choice, link, status
        self._after, self._remembered, self._at_end = dict(after), remembered, at_end
        self._seconds, self._now = seconds, now
        self._out: asyncio.Queue[Batch | Exception] = asyncio.Queue(WAITING)
        self._stale = asyncio.Event()
        self._logs: dict[str, ContainerLog] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._gone: dict[str, float] = {}
        self._nobody = False

    async def begin(self) -> None:
        """Find the engine and start reading. Raises SourceError."""
        await self._link.open()
        flow = await self._link.events(self._remembered.heard_to)
        self._tasks["the events"] = asyncio.create_task(self._guard(self._listen(flow)))
        self._tasks["the list"] = asyncio.create_task(self._guard(self._tend()))

    async def next(self) -> Batch:
        """The next batch of any stream. Raises what ended this run."""
        item = await self._out.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def end(self) -> None:
        """Leave nothing behind."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._link.close()

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is raised again by `next`: whatever ended a part ends the run
            await self._out.put(error)

    # the events

    async def _listen(self, flow: Flow) -> None:
        pause = 0.0
        while True:
            opened, rest = time.monotonic(), b""
            if self._remembered.heard_to is None:
                self._remembered.heard_to = flow.began
            try:
                while block := await flow.read():
                    *lines, rest = (rest + block).split(b"\n")
                    for line in lines:
                        await self._event(line)
                    if len(rest) > MAX_EVENT:
                        raise SourceError(f"what {self._link.address} gives as events is none: is it a container engine?")
            finally:
                await flow.close()
            pause = min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE) if time.monotonic() - opened < SHORT else 0.0
            await asyncio.sleep(pause)
            flow = await self._link.events(self._remembered.heard_to)
            self._stale.set()

    async def _event(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            event = json.loads(line)
            at, container = int(event["timeNano"]), str(event["Actor"]["ID"])
            attributes = {str(key): str(value) for key, value in event["Actor"]["Attributes"].items()}
            key = (at, container, str(event["Action"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"what {self._link.address} gives as events is none: is it a container engine?") from error
        self._remembered.heard_to = f"{at // 1_000_000_000}.{at % 1_000_000_000:09d}"
        name = attributes.get("name", "")
        if key in self._remembered.heard or not self._choice.means(name, attributes):
            return
        before = next((what for _, who, what in reversed(self._remembered.heard) if who == container), None)
        self._remembered.heard.append(key)
        if before == key[2]:
            return  # some engines tell of a pause twice, from two of their parts
        stream = self._stream_of(identity(name))
        mark = mark_of(event, stream)
        if mark is not None and (stream in self._logs or (mark.what == "started" and self._remembered.first is not None)):
            log = self._log(stream)
            if log is not None:
                await log.mark(mark)
        self._stale.set()

    # the list

    async def _tend(self) -> None:
        while True:
            self._stale.clear()
            await self._look()
            try:
                async with asyncio.timeout(self._seconds):
                    await self._stale.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        try:
            known = [Known.of(one) for one in await self._link.containers(self._choice.filters())]
        except (KeyError, TypeError, ValueError) as error:
            raise SourceError(f"what {self._link.address} gives as its list of containers is none") from error
        found: dict[str, list[Known]] = {}
        for one in known:
            if self._choice.means(one.name):
                found.setdefault(self._stream_of(one.name), []).append(one)
        if self._remembered.first is None:
            self._remembered.first = frozenset(found) if not self._after else frozenset()
        single = self._choice.container is not None
        for stream in {*found, *([self._name] if single else [])}:
            self._log(stream)
        for stream, log in list(self._logs.items()):
            log.wake(found.get(stream, []))
            if found.get(stream) or single:
                self._gone.pop(stream, None)
            elif time.monotonic() - self._gone.setdefault(stream, time.monotonic()) > GONE_SECONDS and found:
                await self._drop(stream)
        nobody = not self._logs
        if nobody and not self._nobody:
            await self._out.put(Batch(EVERY_STREAM, b"", self._now(), "down"))
        self._nobody = nobody
        self._report()

    def _log(self, stream: str) -> ContainerLog | None:
        """The reader of a stream, which begins with this if there is none yet; None where there are too many."""
        if stream not in self._logs:
            if len(self._logs) >= MAX_CONTAINERS:
                return None
            single = self._choice.container is not None
            log = self._logs[stream] = ContainerLog(
                stream,
                self._link,
                self._status,
                put=self._out.put,
                told=self._report,
                now=self._now,
                watch_seconds=self._seconds,
                cursor=self._after.get(stream),
                at_end=self._at_end and stream in (self._remembered.first or ()),
                missing=f"there is no {self._choice}" if single else f'container "{stream.partition("/")[2]}" was removed',
            )
            self._tasks[stream] = asyncio.create_task(self._guard(log.run()))
        return self._logs[stream]

    async def _drop(self, stream: str) -> None:
        del self._logs[stream], self._gone[stream]
        task = self._tasks.pop(stream)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._after[stream] = NOBODY  # whatever comes back under this name is new, and nothing of the old one is missing
        self._remembered.first = (self._remembered.first or frozenset()) - {stream}
        await self._out.put(Batch(stream, b"", self._now(), "ended"))

    def _stream_of(self, name: str) -> str:
        return self._name if self._choice.container is not None else f"{self._name}/{name}"

    def _report(self) -> None:
        notes = [log.note for log in self._logs.values() if log.note]
        if len(self._logs) >= MAX_CONTAINERS:
            notes.append(f"no more than {MAX_CONTAINERS} containers are read")
        self._status.note = "; ".join(notes) if self._logs else f"there is no {self._choice}"
