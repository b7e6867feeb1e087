"""Ways to feed the same lines to an engine, and what came of it: the attempts that are final, as they are published."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine, EngineOptions
from connwatch.model.change import Change, Closed, Evicted, Opened, Reached, Withdrawn
from support.said import catalogue

__all__ = ["Finals", "as_blocks", "as_bytes", "as_lines", "at_once", "interleaved", "watched"]

Logs = Mapping[str, bytes]
LATENESS = 2.0


class Finals:
    """Reads changes as a sink does, and minds their grammar: an attempt is opened, reached, and then closed, evicted or withdrawn.

    Who is not `watching` hears of the end alone.
    """

    def __init__(self, *, watching: bool) -> None:
        self.watching = watching
        self.rows: dict[str, dict[str, Any]] = {}
        self.open: dict[str, int] = {}  # attempt -> steps told

    def hear(self, changes: Sequence[Change]) -> None:
        """Take what an engine gave."""
        for change in changes:
            name = change.attempt.id
            if isinstance(change, Opened):
                assert name not in self.open, "opened twice"
                self.open[name] = 0
            elif self.watching and not change.attempt.noise:
                assert name in self.open, f"{type(change).__name__} of an attempt that was never opened"
            if isinstance(change, Reached):
                self.open[name] += 1
            if isinstance(change, Withdrawn):
                del self.open[name]
            if isinstance(change, Closed | Evicted):
                self.open.pop(name, None)
                assert name not in self.rows, "closed twice"
                self.rows[name] = attempt_row(change.attempt)

    def table(self) -> list[dict[str, Any]]:
        """The final attempts, in order of their names."""
        assert not self.open, "left open"
        return [self.rows[name] for name in sorted(self.rows)]


def engine_for(logs: Logs, **options: Any) -> Engine:
    """A fresh engine that knows the sources, in alphabetical order."""
    engine = Engine(catalogue(), EngineOptions(**options), key=b"laws")
    for name in sorted(logs):
        engine.open_source(name)
    return engine


def _end(engine: Engine, finals: Finals, logs: Logs) -> list[dict[str, Any]]:
    for name in sorted(logs):
        engine.end_source(name)
    finals.hear(engine.finish())
    return finals.table()


def at_once(logs: Logs, **options: Any) -> list[dict[str, Any]]:
    """Each log as one block, and one jump to the end of time."""
    return as_blocks(logs, [(name, text) for name, text in sorted(logs.items())], **options)


def as_blocks(logs: Logs, blocks: Sequence[tuple[str, bytes]], **options: Any) -> list[dict[str, Any]]:
    """Blocks as they are cut, without a clock."""
    engine = engine_for(logs, **options)
    finals = Finals(watching=engine.options.live)
    for name, block in blocks:
        engine.feed(name, block)
    return _end(engine, finals, logs)


def as_lines(logs: Logs, **options: Any) -> list[dict[str, Any]]:
    """Line by line."""
    return as_blocks(logs, [(name, line) for name, text in sorted(logs.items()) for line in text.splitlines(keepends=True)], **options)


def as_bytes(logs: Logs, **options: Any) -> list[dict[str, Any]]:
    """Byte by byte."""
    return as_blocks(logs, [(name, text[i : i + 1]) for name, text in sorted(logs.items()) for i in range(len(text))], **options)


def stepped(logs: Logs, steps: float, **options: Any) -> list[dict[str, Any]]:
    """Everything fed, then a clock that goes from before the first line to long after the last in steps of so many seconds."""
    engine = engine_for(logs, **options)
    finals = Finals(watching=engine.options.live)
    for name, text in sorted(logs.items()):
        engine.feed(name, text)
        engine.end_source(name)
    fronts = [front for name in logs if (front := engine.frontier(name)) is not None]
    if fronts:
        now = min(fronts) - 200.0
        while now < max(fronts) + 1000.0:
            finals.hear(engine.advance(now))
            now += steps
    finals.hear(engine.finish())
    return finals.table()


def watched(logs: Logs, chance: random.Random, *, ahead: float = 1.0, **options: Any) -> list[dict[str, Any]]:
    """Blocks of the logs in any order that a lateness allows, and a clock that follows the log that lags most.

    A log is read on only while it is not more than `ahead` seconds before the others.
    """
    engine = engine_for(logs, **options)
    finals = Finals(watching=engine.options.live)
    left = {name: text.splitlines(keepends=True) for name, text in sorted(logs.items()) if text}
    rest = dict.fromkeys(left, b"")
    while left:
        fronts = {name: engine.frontier(name) for name in left}
        oldest = min((front for front in fronts.values() if front is not None), default=0.0)
        able = [name for name, front in fronts.items() if front is None or front <= oldest + ahead]
        name = chance.choice(able)
        count = chance.choice([1, 1, 2, 5, 30])
        block = rest[name] + b"".join(left[name][:count])
        del left[name][:count]
        cut = chance.randrange(len(block) + 1) if left[name] and chance.random() < 0.3 else len(block)
        block, rest[name] = block[:cut], block[cut:]
        engine.feed(name, block)
        if not left[name]:
            engine.feed(name, rest[name])
            engine.end_source(name)
            del left[name]
        known = [engine.frontier(one) for one in left]
        if known and all(front is not None for front in known):
            finals.hear(engine.advance(min(front for front in known if front is not None) - LATENESS))
    finals.hear(engine.finish())
    return finals.table()


def interleaved(logs: Logs, chance: random.Random, **options: Any) -> list[dict[str, Any]]:
    """Lines of the logs in any order, without a clock."""
    left = {name: text.splitlines(keepends=True) for name, text in sorted(logs.items()) if text}
    blocks = []
    while left:
        name = chance.choice(sorted(left))
        blocks.append((name, left[name].pop(0)))
        if not left[name]:
            del left[name]
    return as_blocks(logs, blocks, **options)
