"""Plays finished inputs through the engine in the order of their time, as if they had been watched together.

1. The next block comes from the input whose newest time is the oldest, so that no input runs ahead of another.
2. The clock follows the input that lags most, less the lateness; an input that ended holds nobody back.
3. An input without time stamps is read along, a little ahead of the share read of the others: its lines are told by order, and must
   be there before the lines they belong to.
4. An input that breaks is reported and ended; the others go on.

Must not know what is shown of it: it yields the engine's changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from connwatch.model.change import Change
from connwatch.model.errors import SourceError
from connwatch.sources.finished import BLOCK, Finished

__all__ = ["Player", "replay"]

#: Bytes by which an input without stamps is read ahead of the others.
_AHEAD: Final = 64 * 1024


class Player(Protocol):
    """What is needed of the engine."""

    def open_source(self, name: str, format: str = "auto") -> None:  # noqa: A002
        """Makes a source known."""

    def feed(self, source: str, block: bytes, seen_at: float | None = None) -> None:
        """Takes bytes."""

    def frontier(self, source: str) -> float | None:
        """The newest time read from the source, seconds since the epoch."""

    def end_source(self, source: str) -> None:
        """No more bytes will come."""

    def advance(self, watermark: float) -> list[Change]:
        """Runs the clock on."""

    def finish(self) -> list[Change]:
        """Runs the clock on until no deadline is open."""


def replay(
    engine: Player,
    inputs: Sequence[Finished],
    *,
    lateness: float,
    on_problem: Callable[[SourceError], None],
    on_block: Callable[[], None] = lambda: None,
) -> Iterator[list[Change]]:
    """Feeds `inputs` (opened, names distinct) to the end, closes them and finishes the engine, yielding changes as they come.

    `lateness` is in seconds. `on_problem` hears of each input that broke, `on_block` of each block that was read.
    """
    try:
        yield from _play(engine, list(inputs), lateness, on_problem, on_block)
    finally:
        for source in inputs:
            source.close()


def _play(
    engine: Player, live: list[Finished], lateness: float, on_problem: Callable[[SourceError], None], on_block: Callable[[], None]
) -> Iterator[list[Change]]:
    for source in live:
        engine.open_source(source.name, source.format)
    clock = float("-inf")
    while live:
        source, size = _next(engine, live)
        try:
            block = source.read(size)
        except SourceError as error:
            on_problem(error)
            block = b""
        if block:
            engine.feed(source.name, block)
            on_block()
        else:
            live.remove(source)
            engine.end_source(source.name)
        fronts = [front for one in live if (front := engine.frontier(one.name)) is not None]
        everyone_began = all(one.total for one in live)  # a clock set by one input would make the others' first lines late
        if everyone_began and fronts and min(fronts) - lateness > clock:
            clock = min(fronts) - lateness
            yield engine.advance(clock)
    yield engine.finish()


def _next(engine: Player, live: list[Finished]) -> tuple[Finished, int]:
    """Which input to read from, and how many bytes."""
    stamped = [(front, one) for one in live if (front := engine.frontier(one.name)) is not None]
    unstamped = [one for one in live if engine.frontier(one.name) is None]
    if not stamped:
        return min(unstamped, key=lambda one: one.total), _AHEAD
    oldest = min(stamped, key=lambda pair: pair[0])[1]
    for one in unstamped:
        if _behind(one, oldest):
            return one, _AHEAD
    return oldest, BLOCK


def _behind(unstamped: Finished, leader: Finished) -> bool:
    """Whether the input without stamps must be read on before `leader` is.

    Shares of known sizes are compared, because a server may write ten lines where the proxy writes one; where a size is not
    known, bytes are.
    """
    if unstamped.size is None or not leader.size:
        return unstamped.total <= leader.total + _AHEAD
    share_after_next = (leader.position + BLOCK) / leader.size
    return unstamped.position <= share_after_next * unstamped.size + _AHEAD
