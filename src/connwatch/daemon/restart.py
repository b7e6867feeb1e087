"""Bringing a new engine to the point where the last one stood, from the journal. Knows no source; tells nobody.

What was told before is not told again: the changes that the engine makes on the way are dropped, and what differs in the end from what
stands in the state (a rule has changed, or what a long attempt began with is too old) is told as changes of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from connwatch.model.attempt import Attempt
from connwatch.model.change import Change, Closed, Opened
from connwatch.sinks.board import Board
from connwatch.store.library import Library
from connwatch.store.turn import Standing

if TYPE_CHECKING:
    from connwatch.engine import Engine

__all__ = ["Rebuilt", "rebuild"]


@dataclass(slots=True)
class Rebuilt:
    """`standings` by stream, in their order; `open` are the attempts under way; `changes` what differs from what was told."""

    standings: dict[str, Standing]
    watermark: float
    open: list[Attempt]
    changes: list[Change]


def rebuild(engine: Engine, library: Library, formats: Mapping[str, str], beat: Callable[[], None]) -> Rebuilt:
    """Feed `engine`, which is new, with what the journal holds. `formats` by source; `beat` is called as the work goes on. Raises SourceError."""
    history = library.history()
    for stream, standing in history.standings.items():
        engine.open_source(stream, formats.get(standing.source, "auto"), standing.place)
    for stream, gap in history.gaps:
        engine.missed(stream, gap.start, gap.end)
    known = history.standings
    for one in history.old:
        engine.expect_again(one)
    board = Board()
    for past in history.turns:
        board.receive(engine.advance(past.stood))  # turns that took nothing may have moved it; what is taken below waits, as it did then
        for one in past.taken:
            if one.source in known:
                engine.take_again(one)
        board.receive(engine.advance(past.watermark))
        beat()
    if math.isfinite(history.watermark):
        board.receive(engine.advance(history.watermark))
    told = {attempt.id: attempt for attempt in library.open()}
    found = {attempt.id: attempt for attempt in board.open()}
    at = history.watermark
    changes: list[Change] = [Opened(at, attempt) for name, attempt in found.items() if name not in told]
    changes += [Closed(at, replace(attempt, open=False)) for name, attempt in told.items() if name not in found]
    return Rebuilt(history.standings, history.watermark, list(found.values()), changes)
