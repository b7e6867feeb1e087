"""Server-sent events: how a change is written on the wire, and how a reader is served until either side goes. Decides nothing about changes."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

from connwatch.diagnose.serial import heard_row
from connwatch.model.change import Change
from connwatch.model.heard import Heard
from connwatch.sinks.bus import Bus, Numbered

__all__ = ["HEARTBEAT", "encode", "follow"]

HEARTBEAT = 15.0
"""Seconds between comments on a silent stream, so that proxies keep it and a dead peer is noticed."""


def encode(numbered: Numbered, row: Callable[[Change], dict[str, Any]]) -> str:
    """One event. `json.dumps` leaves no newline in it, so that log text cannot forge a field of the stream."""
    lost = f"event: lost\ndata: {numbered.lost}\n\n" if numbered.lost else ""
    body = row(numbered.change)
    return f"{lost}id: {numbered.id}\n{told(body)}"


def told(body: dict[str, Any]) -> str:
    """An object as an event of its kind; without an id it is nothing that a reader resumes at."""
    return f"event: {body['change']}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n"


async def follow(
    bus: Bus,
    after: str | None,
    row: Callable[[Change], dict[str, Any]],
    *,
    wanted: Callable[[Change], bool],
    wanted_at_once: Callable[[Heard], bool] = lambda _: True,
    heartbeat: float = HEARTBEAT,
) -> AsyncGenerator[str, None]:
    """The stream for one reader, from `after` on, until the bus is closed or the reader is gone."""
    reader = bus.reader(after)
    yield f"retry: 2000\n: life {bus.life}\n\n"
    while True:
        chunk = [told(heard_row(one)) for one in reader.heard() if wanted_at_once(one)]
        while (numbered := reader.take()) is not None:
            if wanted(numbered.change) or numbered.lost:
                chunk.append(encode(numbered, row))
            if len(chunk) == 100:
                break
        if chunk:
            yield "".join(chunk)
        elif not await reader.wait(heartbeat):
            return
        elif not reader.pending():
            yield ": still here\n\n"
