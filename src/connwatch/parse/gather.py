"""Several lines, one message: objects and stacks that Node prints over many lines, gathered until they close.

What a message means is none of its business. Rules:

1. Memory is bounded: at `MAX_LINES` lines or `MAX_CHARS` characters a message is closed as it stands.
2. Whether a line opens something new is for the caller to say; such a line ends whatever was open.
3. Node's inspect and JSON.stringify indent everything inside, so a closing bracket in column 0 is the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["MAX_CHARS", "MAX_LINES", "Gatherer", "Message", "shape_of"]

MAX_LINES = 200
MAX_CHARS = 65_536

Shape = Literal["object", "stack"]
Offer = Literal["more", "closed", "foreign"]

_CLOSERS = frozenset({"}", "]"})


@dataclass(slots=True)
class Message:
    """One message of one or more lines. `line` and `end_line`: 1-based, inclusive; `at` is the first line's time, `coarse` in whole seconds."""

    source: str
    line: int
    end_line: int
    at: float | None
    head: str
    body: list[str] = field(default_factory=list)
    coarse: bool = False


def shape_of(text: str) -> Shape | None:
    """What the line leaves open: an object (it ends with a bracket), a stack (it tells of an error), or nothing."""
    stripped = text.rstrip()
    if stripped.endswith(("{", "[")):
        return "object"
    return "stack" if "rror" in stripped else None


class Gatherer:
    """Holds at most one open message."""

    def __init__(self) -> None:
        self._message: Message | None = None
        self._shape: Shape = "object"
        self._chars = 0

    @property
    def is_open(self) -> bool:
        """Whether a message is being gathered."""
        return self._message is not None

    def open(self, message: Message, shape: Shape) -> None:
        """Begin a message. The caller has released the one before."""
        self._message, self._shape, self._chars = message, shape, len(message.head)

    def offer(self, number: int, text: str) -> Offer:
        """Add a line that begins nothing new: "more" and "closed" say it was taken, "foreign" that it belongs elsewhere."""
        message = self._message
        if message is None:
            return "foreign"
        if self._shape == "stack":
            if text[:1] not in (" ", "\t"):
                return "foreign"
            if text.rstrip().endswith("{"):  # the error's own properties follow its stack
                self._shape = "object"
        message.body.append(text)
        message.end_line = number
        self._chars += len(text)
        if self._shape == "object" and text.rstrip() in _CLOSERS and text[:1] in _CLOSERS:
            return "closed"
        full = len(message.body) >= MAX_LINES - 1 or self._chars >= MAX_CHARS
        return "closed" if full else "more"

    def release(self) -> Message | None:
        """What was open, complete or not."""
        message, self._message = self._message, None
        return message
