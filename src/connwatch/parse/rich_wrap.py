"""Lines of Python's `rich` log handler, wrapped to the width of a terminal that is not there: put together again.

The handler prints columns: time, level, message, file and line. The message column is as wide as the others leave it (20
characters of 80 beside a long file name); the time is left out where it equals the line before. A word longer than the
column is cut without a mark, so that a session id may stand in two halves. Knows no message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Wrapped", "continues", "drawn", "wrapped_head"]

_HEAD = re.compile(r"(?:\[(?P<stamp>\d{2}/\d{2}/\d{2} \d{2}:\d{2}:\d{2})\]| {18,22}) (?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) +(?P<message>\S.*)")
_FILE = re.compile(r"(?P<gap>\s+)(?P<file>[\w./<>-]+:\d+)\s*$")
_INDENT = " " * 24
_BOX = tuple("╭│╰┌└├━─")
_MOST_PIECES = 60


@dataclass(slots=True)
class Wrapped:
    """A message being put together. `stamp` is the handler's own time as printed, "" where it was left out."""

    stamp: str
    level: str
    width: int
    pieces: list[str] = field(default_factory=list)

    def add(self, text: str) -> bool:
        """Add a continuation; False when the message is too long to go on."""
        if not drawn(text):
            self.pieces.append(text.strip())
        return len(self.pieces) < _MOST_PIECES

    @property
    def message(self) -> str:
        """The message on one line."""
        joined = ""
        glue = False
        for piece in self.pieces:
            joined += piece if glue or not joined else f" {piece}"
            glue = len(piece) == self.width and " " not in piece
        return joined


def wrapped_head(text: str) -> Wrapped | None:
    """The first line of a message, None for any other line."""
    found = _HEAD.match(text)
    if found is None:
        return None
    message, start = found["message"], found.start("message")
    place = _FILE.search(message[-200:])
    if place is None:
        return Wrapped(found["stamp"] or "", found["level"], 0, [message.rstrip()])
    offset = max(0, len(message) - 200)
    width = start + offset + place.start("file") - 1 - start
    return Wrapped(found["stamp"] or "", found["level"], width, [message[: offset + place.start()].rstrip()])


def continues(text: str) -> bool:
    """Whether a line goes on with the message before it: indented to the message column, or part of a drawn box."""
    return text.startswith(_INDENT) or drawn(text)


def drawn(text: str) -> bool:
    """Whether a line is part of a box that rich draws, around a traceback or around FastMCP's greeting."""
    return text.lstrip().startswith(_BOX)
