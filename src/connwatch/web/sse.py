"""Server-sent events: how a change is written on the wire, and how a reader is served until either side goes. Decides nothing about changes.

Who resumes at a position that the bus does not remember gets what lies between from the state, in portions. Who is too slow later
loses changes, because reading them again for it would cost the engine.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from connwatch.diagnose.serial import heard_row
from connwatch.model.change import Change
from connwatch.model.errors import SourceError
from connwatch.model.heard import Heard
from connwatch.sinks.bus import Bus, Numbered, Reader

__all__ = ["HEARTBEAT", "PORTION", "encode", "follow"]

HEARTBEAT = 15.0
"""Seconds between comments on a silent stream, so that proxies keep it and a dead peer is noticed."""
PORTION = 100
"""Changes that are written, or asked of the state, at a time."""
BEAT = ": still here\n\n"

Older = Callable[[range], Awaitable[Sequence[tuple[int, Change | None]]]]
"""The first changes of these numbers that are kept, not more than a portion; None for one that cannot be told any more. Raises SourceError."""


def encode(numbered: Numbered, row: Callable[[Change], dict[str, Any]]) -> str:
    """One event. `json.dumps` leaves no newline in it, so that log text cannot forge a field of the stream."""
    return f"id: {numbered.id}\n{told(row(numbered.change))}"


def told(body: dict[str, Any]) -> str:
    """An object as an event of its kind; without an id it is nothing that a reader resumes at."""
    return f"event: {body['change']}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n"


async def follow(
    bus: Bus,
    after: str | None,
    row: Callable[[Change], dict[str, Any]],
    *,
    wanted: Callable[[Change], bool],
    older: Older,
    wanted_at_once: Callable[[Heard], bool] = lambda _: True,
    heartbeat: float = HEARTBEAT,
) -> AsyncGenerator[str, None]:
    """The stream for one reader, from `after` on, until the bus is closed or the reader is gone."""

    def events(changes: Iterable[Numbered]) -> Iterator[str]:
        for one in changes:
            if one.lost:  # whatever was wanted: nobody knows what it was
                yield f"event: lost\ndata: {one.lost}\n\n"
            if wanted(one.change):
                yield encode(one, row)

    reader = bus.reader(after)
    yield f"retry: 2000\n: life {bus.life}\n\n"
    written = time.monotonic()
    async for portion in _past(bus, reader, older):
        text = "".join(events(portion))
        if text or time.monotonic() - written >= heartbeat:
            yield text or BEAT
            written = time.monotonic()
    if bus.closed and reader.missing():
        return  # it goes on after the restart, and has lost nothing
    while True:
        chunk = [told(heard_row(one)) for one in reader.heard() if wanted_at_once(one)]
        while len(chunk) < PORTION and (numbered := reader.take()) is not None:
            chunk.extend(events([numbered]))
        if chunk:
            yield "".join(chunk)
            written = time.monotonic()
        elif not await reader.wait(max(written + heartbeat - time.monotonic(), 0.0)):
            return
        elif time.monotonic() - written >= heartbeat:
            yield BEAT  # also where changes came that are not wanted
            written = time.monotonic()


async def _past(bus: Bus, reader: Reader, older: Older) -> AsyncGenerator[list[Numbered], None]:
    """What lies between the position of a reader and what the bus remembers, as far as it is kept."""
    while (missing := reader.missing()) and not bus.closed:
        try:
            found = await older(missing)
        except SourceError:
            return  # the reader is told what it lost
        if not found:
            return
        given = [reader.give(number, change) for number, change in found]
        yield [one for one in given if one is not None]
