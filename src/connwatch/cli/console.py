"""The two streams: results go to standard output, everything said about the work to standard error. Must not know any command.

Text from logs and names of files never reach a terminal with a control character in them: `say` and `spans.write` see to it.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Any, TextIO

from connwatch.cli.spans import cut, wrapped
from connwatch.parse.printable import printable

__all__ = ["Screen", "print_json", "remark", "say", "screen", "steady_streams"]

_NARROWEST = 60


@dataclass(frozen=True, slots=True)
class Screen:
    """What standard output can show. `width` is in columns, None where lines may be as long as they are (a pipe)."""

    terminal: bool
    colour: bool
    width: int | None


def screen(stream: TextIO | None = None) -> Screen:
    """What `stream` (standard output) can show: a pipe gets plain text; NO_COLOR and TERM=dumb are obeyed."""
    stream = stream or sys.stdout
    terminal = stream.isatty()
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST) if terminal else None
    return Screen(terminal, colour, width)


def say(message: str) -> None:
    """One message about the work, on standard error, each line safe to show."""
    lines = [printable(line) for line in message.splitlines()] or [""]
    sys.stderr.write("".join(f"connwatch: {line}\n" if index == 0 else f"  {line}\n" for index, line in enumerate(lines)))
    sys.stderr.flush()


def remark(message: str) -> None:
    """A remark under a result, on standard error; faint where that is a terminal."""
    shown = screen(sys.stderr)
    text = "".join(f"{part}\n" for line in message.splitlines() for part in _folded(line, shown.width))
    sys.stderr.write(f"\x1b[2m{text}\x1b[0m" if shown.colour else text)
    sys.stderr.flush()


def _folded(line: str, width: int | None) -> list[str]:
    """A line in lines that fit; what is set in from the left (a sample of a log) stays on one."""
    return [printable(line) if width is None else cut(printable(line), width)] if line.startswith(" ") else wrapped(line, width) or [""]


def print_json(value: Any) -> None:
    """One JSON object on one line of standard output; what is not ASCII is escaped, so that no text in it can act on a terminal."""
    import json

    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")


def steady_streams() -> None:
    """Standard streams that never fail on a character that their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
