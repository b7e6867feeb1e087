"""Keeps a source running and its batches in bounds. Knows the contract of `source.py` and nothing of any kind of source.

A source that fails is started again after its last cursor, with a pause that doubles from half a second to half a minute and falls back
once the source has been up for as long as the longest pause.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from connwatch.model.errors import SourceError
from connwatch.sources.intake import Intake
from connwatch.sources.source import EVERY_STREAM, Arrival, Batch, Source, State

__all__ = ["FIRST_PAUSE", "LONGEST_PAUSE", "supervise"]

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


async def supervise(
    source: Source,
    intake: Intake,
    *,
    cursors: dict[str, str] | None = None,
    now: Callable[[], float] = time.time,
    first_pause: float = FIRST_PAUSE,
) -> None:
    """Run `source` until it ends, fails for good, or is cancelled. `cursors` is where it begins, and is kept up to date."""
    taken = {} if cursors is None else cursors
    pause = first_pause
    while True:
        began = time.monotonic()
        try:
            async with aclosing(source.stream(taken)) as batches:
                async for batch in batches:
                    source.status.state = batch.state
                    source.status.attached = source.status.attached or batch.state in ("live", "catching_up")
                    await intake.put(Arrival(source, batch))
                    if batch.cursor is not None:
                        taken[batch.stream] = batch.cursor
        except (SourceError, OSError) as error:
            source.status.note = str(error)
            if isinstance(error, SourceError) and not error.transient:
                await _tell(source, intake, now(), "down")
                return
        else:
            await _tell(source, intake, now(), "ended")
            return
        await _tell(source, intake, now(), "down")
        source.status.reopened["failed"] += 1
        if time.monotonic() - began >= LONGEST_PAUSE:
            pause = first_pause
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _tell(source: Source, intake: Intake, at: float, state: State) -> None:
    source.status.state = state
    await intake.put(Arrival(source, Batch(EVERY_STREAM, b"", at, state)))
