"""Shows changes as they come: JSON lines, plain lines in a pipe, and on a terminal a line for each open attempt below what is final.

Must not know where changes come from. Nothing of a log reaches the terminal unescaped: `spans.drawn` sees to it.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol, TextIO, TypeVar

from connwatch.cli.console import Screen, print_json, say
from connwatch.cli.spans import Line, Span, cells, cut, drawn, write
from connwatch.cli.telling import Chosen, current_line, final_line, step_line
from connwatch.diagnose.serial import change_row, heard_row
from connwatch.model.attempt import Outcome
from connwatch.model.change import Change
from connwatch.model.heard import Heard

__all__ = ["JsonLines", "Live", "Plain", "Show", "Shown", "shown_on", "told_aside"]

Row = Mapping[str, Any]
_One = TypeVar("_One")
FINAL = ("closed", "evicted")
_REDRAW_SECONDS = 0.1
_HEARD_SECONDS = 90.0  # an attempt is opened ten seconds after its requests were read, or a minute later where a source is down
_MOST_HEARD = 200  # more than fit on a screen
_REMEMBERED = 20_000


class Show(Protocol):
    """One way to show changes."""

    def take(self, row: Row) -> None:
        """A change, as `change_row` writes it."""
        ...

    def tick(self) -> None:
        """Time has passed without a change."""
        ...

    def aside(self, message: str) -> None:
        """Something to say about the work, on standard error."""
        ...

    def end(self) -> None:
        """Nothing more will come: leave the terminal tidy."""
        ...


def shown_on(screen: Screen, chosen: Chosen, *, json: bool, now: Callable[[], float] = time.time) -> Show:
    """What suits standard output."""
    if json:
        return JsonLines(chosen)
    return Live(chosen, screen, now) if screen.terminal and screen.colour else Plain(chosen)


class Shown:
    """A sink that shows what it is told."""

    def __init__(self, show: Show) -> None:
        self._show = show

    def receive(self, changes: Sequence[Change]) -> None:
        """See Sink."""
        for change in changes:
            self._show.take(change_row(change))

    def hear(self, heard: Sequence[Heard]) -> None:
        """What was only just read."""
        for one in heard:
            self._show.take(heard_row(one))


class _Aside(logging.Handler):
    def __init__(self, show: Show) -> None:
        super().__init__(logging.WARNING)
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show.aside(record.getMessage())


@contextlib.contextmanager
def told_aside(show: Show) -> Iterator[None]:
    """What the program itself warns of meanwhile is said where nothing draws over it."""
    log, handler = logging.getLogger("connwatch"), _Aside(show)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


class JsonLines:
    """One object a change."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen

    def take(self, row: Row) -> None:
        """See Show."""
        if self._chosen.attempt(row["attempt"]) and ("step" not in row or self._chosen.step(row["step"])):
            print_json(row)
            sys.stdout.flush()

    def tick(self) -> None:
        """See Show."""

    def aside(self, message: str) -> None:
        """See Show."""
        say(message)

    def end(self) -> None:
        """See Show."""


class Plain:
    """One line for each step and one for each verdict; nothing is ever drawn over.

    A step is told once: the moment that it is heard, still without the attempt, or else when it is known to which one it belongs.
    """

    def __init__(self, chosen: Chosen, stream: TextIO | None = None) -> None:
        self._chosen, self._stream = chosen, stream or sys.stdout
        self._said: dict[str, tuple[str, str | None]] = {}  # the verdict that was shown of each open attempt
        self._steps: dict[tuple[str, int], None] = {}  # where the steps stand that were shown, the latest last

    def take(self, row: Row) -> None:
        """See Show."""
        attempt = row["attempt"]
        if not self._chosen.attempt(attempt):
            return
        if row["change"] in ("reached", "heard"):
            if self._chosen.step(row["step"]) and self._is_new(row["step"]):
                self._write(step_line(attempt, row["step"]))
            return
        if row["change"] == "updated":
            self._judged(row, self._said.get(attempt["id"]))
        elif row["change"] in FINAL:
            self._judged(row, self._said.pop(attempt["id"], None))
            self._said.pop(attempt["id"], None)
        elif row["change"] == "withdrawn":
            self._said.pop(attempt["id"], None)

    def _judged(self, row: Row, said: tuple[str, str | None] | None) -> None:
        attempt = row["attempt"]
        verdict = (attempt["outcome"], attempt["stuck_at"])
        if verdict != said and (row["change"] in FINAL or verdict[0] != Outcome.WAITING.value):
            self._said[attempt["id"]] = verdict
            self._write(final_line(attempt, row["at"]))

    def _is_new(self, step: Row) -> bool:
        places = [(one["source"], one["line"]) for one in step["evidence"]]
        known = any(place in self._steps for place in places)
        self._steps.update(dict.fromkeys(places))
        while len(self._steps) > _REMEMBERED:
            del self._steps[next(iter(self._steps))]
        return not known

    def _write(self, line: Line) -> None:
        write(self._stream, [line], colour=False)
        self._stream.flush()

    def tick(self) -> None:
        """See Show."""

    def aside(self, message: str) -> None:
        """See Show."""
        say(message)

    def end(self) -> None:
        """See Show."""


class Live:
    """A line for each open attempt at the bottom of the terminal, drawn again as it changes, and below them one for each request that is not
    yet part of an attempt; final attempts scroll away above.
    """

    def __init__(self, chosen: Chosen, screen: Screen, now: Callable[[], float], stream: TextIO | None = None) -> None:
        self._chosen, self._screen, self._now, self._stream = chosen, screen, now, stream or sys.stdout
        self._open: dict[str, Row] = {}
        self._heard: dict[tuple[str, int], tuple[float, Row]] = {}  # by their places: when they were heard, and what
        self._drawn = 0
        self._drawn_at = 0.0

    def take(self, row: Row) -> None:
        """See Show."""
        attempt = row["attempt"]
        wanted = self._chosen.attempt(attempt)
        places = [(one["source"], one["line"]) for one in attempt["events"]]
        if row["change"] == "heard":
            if wanted:
                self._heard.update(dict.fromkeys(places, (self._now(), row)))
                while len(self._heard) > _MOST_HEARD:
                    del self._heard[next(iter(self._heard))]
                self.tick()
            return
        for place in places if self._heard else ():
            self._heard.pop(place, None)
        if row["change"] == "withdrawn":
            self._open.pop(attempt["id"], None)
            self.tick()
        elif row["change"] in FINAL:
            self._open.pop(attempt["id"], None)
            if wanted:
                self._erase()
                self._write(final_line(attempt, row["at"]))
                self._draw()
        elif wanted:
            self._open[attempt["id"]] = attempt
            self.tick()
        else:
            self._open.pop(attempt["id"], None)

    def tick(self) -> None:
        """See Show."""
        if time.monotonic() - self._drawn_at >= _REDRAW_SECONDS:
            self._erase()
            self._draw()

    def aside(self, message: str) -> None:
        """See Show. On the same terminal, where it must not be drawn over."""
        self._erase()
        self._stream.flush()
        say(message)
        self._draw()

    def end(self) -> None:
        """See Show."""
        self._erase()
        self._draw()
        self._drawn = 0

    def _erase(self) -> None:
        if self._drawn:
            self._stream.write(f"\x1b[{self._drawn}F\x1b[J")  # ECMA-48: so many lines up, erase below
            self._drawn = 0

    def _draw(self) -> None:
        now = self._now()
        while self._heard and now - next(iter(self._heard.values()))[0] >= _HEARD_SECONDS:
            del self._heard[next(iter(self._heard))]
        room = max(shutil.get_terminal_size((100, 24)).lines - 2, 1)
        below = min(len(self._heard), max(room - len(self._open), room // 4, 1))
        latest = [current_line(attempt, now) for attempt in _last(self._open.values(), room - below)]
        latest += [[("… ", "faint"), *step_line(row["attempt"], row["step"])] for _, row in _last(self._heard.values(), below)]
        for line in latest:
            self._write(line)
        self._drawn = len(latest)
        self._drawn_at = time.monotonic()
        self._stream.flush()

    def _write(self, line: Line) -> None:
        width = shutil.get_terminal_size((100, 24)).columns
        self._stream.write(drawn(_fitted(line, width), colour=True) + "\n")


def _last(many: Collection[_One], count: int) -> list[_One]:
    return list(many)[max(len(many) - count, 0) :]


def _fitted(line: Line, width: int) -> Line:
    """The line in one row of the terminal, so that it can be drawn over."""
    fitted: list[Span] = []
    for text, tone in line:
        room = width - 1 - sum(cells(said) for said, _ in fitted)
        if room <= 0:
            break
        fitted.append((cut(text, room), tone))
    return fitted
