"""Recorded attempts with the time at which they became known: from logs through an engine, or from the state. Decides nothing about telling."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from connwatch.cli.console import say
from connwatch.cli.progress import Progress
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.change import Change, Closed, Updated
from connwatch.model.errors import SourceError
from connwatch.replayer import replay
from connwatch.sources.finished import Finished

if TYPE_CHECKING:
    from connwatch.engine import Engine

__all__ = ["turns_of_attempts", "turns_of_logs"]

Turns = Iterator[tuple[float, Sequence[Change]]]

_KNOWN_AFTER: Final = {Outcome.STALLED: 60.0, Outcome.ABANDONED: 900.0}
_SOON: Final = 5.0
"""Seconds after its last request at which the daemon knows an outcome: the state keeps the request's time, not the decision's."""
_STEP: Final = 5.0  # seconds of the record between two looks, where nothing is due in between
_MOST_STEPS: Final = 100_000
_SETTLED: Final = 15.0
"""Seconds after the last line in which the engine may hold lines for which it asks no time."""


class _Clocked:
    """An engine that says what time it is when it decides, and meets every deadline when it comes, as the daemon does."""

    def __init__(self, engine: Engine, lateness: float) -> None:
        self._engine, self._lateness = engine, lateness
        self.known: list[tuple[float, Sequence[Change]]] = []
        self._reached = -math.inf  # the watermark so far
        self._began, self._newest = math.inf, -math.inf

    def open_source(self, name: str, format: str = "auto") -> None:  # noqa: A002 - as Player has it
        self._engine.open_source(name, format)

    def feed(self, source: str, block: bytes, seen_at: float | None = None) -> None:
        if self._engine.frontier(source) is None:  # the first line says when it all began
            line, end, block = block.partition(b"\n")
            self._take(source, line + end, seen_at)
        self._take(source, block, seen_at)

    def _take(self, source: str, block: bytes, seen_at: float | None) -> None:
        self._engine.feed(source, block, seen_at)
        at = self._engine.frontier(source)
        if at is not None:
            self._began, self._newest = min(self._began, at), max(self._newest, at)

    def frontier(self, source: str) -> float | None:
        return self._engine.frontier(source)

    def end_source(self, source: str) -> None:
        self._engine.end_source(source)

    def advance(self, watermark: float) -> list[Change]:
        if self._reached == -math.inf:
            self._reached = min(self._began, watermark)
        step = max(_STEP, (watermark - self._reached) / _MOST_STEPS)
        while self._reached < watermark:
            due = self._engine.next_deadline()
            due = math.inf if due is None or due <= self._reached else due
            self._reached = min(watermark, due, self._reached + step)
            self._keep(self._engine.advance(self._reached))
        return []

    def finish(self) -> list[Change]:
        self.advance(self._newest + _SETTLED)
        while (due := self._engine.next_deadline()) is not None and due > self._reached:
            self._reached = due
            self._keep(self._engine.advance(due))
        return self._keep(self._engine.finish())

    def _keep(self, changes: list[Change]) -> list[Change]:
        if changes:
            self.known.append((self._reached + self._lateness, changes))
        return changes

    def take(self) -> list[tuple[float, Sequence[Change]]]:
        """What became known since the last call."""
        known, self.known = self.known, []
        return known


def turns_of_logs(engine: Engine, inputs: Sequence[Finished], lateness: float) -> Turns:
    """Finished logs, as if they had been watched."""
    clocked = _Clocked(engine, lateness)
    with Progress(inputs) as progress:

        def broken(error: SourceError) -> None:
            progress.clear()
            say(str(error))

        for _ in replay(clocked, inputs, lateness=lateness, on_problem=broken, on_block=progress):
            yield from clocked.take()


def turns_of_attempts(attempts: Sequence[Attempt]) -> Turns:
    """Stored attempts, each when it must have become known; to a minute, for those that ended in silence.

    An open one counts as it is now: that it stalled was told long before it is closed.
    """
    known = [(attempt.ended_at + _KNOWN_AFTER.get(attempt.outcome, _SOON), attempt) for attempt in attempts]
    for at, attempt in sorted(known, key=lambda one: (one[0], one[1].id)):
        yield at, [(Updated if attempt.open else Closed)(attempt.ended_at, attempt)]
