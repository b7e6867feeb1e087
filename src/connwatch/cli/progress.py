"""How far a long reading is, on standard error, where somebody is watching. Must not know what is read."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from connwatch.cli.words import lasting
from connwatch.sources.finished import Finished

__all__ = ["Progress"]

#: Bytes below which reading is over before a bar could be read.
_LONG: Final = 8 * 1024 * 1024
_EVERY: Final = 0.1
_BAR: Final = 30
_FIRST_GUESS: Final = 2.0  # seconds before the remaining time is worth telling


class Progress:
    """A bar over `inputs`; call it after each block. Silent where standard error is no terminal, or the inputs are short or of unknown size."""

    def __init__(self, inputs: Sequence[Finished]) -> None:
        sizes = [one.size for one in inputs]
        self._inputs = inputs
        self._total = sum(size or 0 for size in sizes)
        self._shown = sys.stderr.isatty() and None not in sizes and self._total >= _LONG
        self._began = self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()

    def __call__(self) -> None:
        """One more block was read."""
        now = time.monotonic()
        if not self._shown or now - self._last < _EVERY:
            return
        self._last = now
        share = sum(one.position for one in self._inputs) / self._total
        filled = "━" * int(share * _BAR)
        elapsed = now - self._began
        left = f", {lasting(elapsed / share - elapsed)} left" if elapsed > _FIRST_GUESS and share > 0 else ""
        sys.stderr.write(f"\r\x1b[K{filled:╌<{_BAR}} {share:4.0%}{left}")
        sys.stderr.flush()

    def clear(self) -> None:
        """Takes the bar away, so that what is said next begins on a clean line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
