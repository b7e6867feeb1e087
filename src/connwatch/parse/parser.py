"""What every parser is: a `Line` goes in, `Record`s come out. Must not know any format.

1. A parser never raises. A line that is not of its kind is an `Unparsed` that says why.
2. A parser may keep a bounded number of open lines (a multi-line dump); `flush` hands over what is still open.
3. No record holds a secret: digests are made here, by the `Redactor` that the parser was built with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from connwatch.model.line import Line
from connwatch.model.record import Record, Request
from connwatch.parse.redact import Redactor

__all__ = ["Builder", "FormatTable", "Parser", "Skim"]

FormatTable = Mapping[str, object]
"""One format as its TOML file (or a `[formats.NAME]` table of the configuration) says it: `kind`, `log_format`, ..."""


@dataclass(slots=True, frozen=True)
class Skim:
    """What a parser of access lines offers to a reader of blocks, which wants few of them; a parser that has none has no `skim`.

    Lines that match one of `shapes` are access lines and may be passed over unread; each shape takes more than the one before.
    `before` stands directly before the request in every access line (b"" where nothing tells). `request` is the short way for a line
    without wrapping, given its text, its source, its number and when it was read: None where `parse` has to look at it.
    """

    shapes: tuple[re.Pattern[bytes], ...]
    before: bytes
    request: Callable[[str, str, int, float | None], Request | None]


class Parser(Protocol):
    """Reads the lines of one source, in order."""

    @property
    def format(self) -> str:
        """The name by which the format was asked for; every record carries it."""

    def parse(self, line: Line) -> Sequence[Record]:
        """The records that this line completed, in line order.

        Empty while the line is part of a record still open; usually one; two where it closes an open record and is one itself.
        """

    def flush(self) -> Sequence[Record]:
        """The record still open, if any: the input ended, or paused for long enough."""


Builder = Callable[[str, FormatTable, Redactor], Parser]
"""Makes a parser from the name it goes by, its table, and the redactor."""
