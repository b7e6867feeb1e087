"""What every parser is: a `Line` goes in, `Record`s come out. Must not know any format.

1. A parser never raises. A line that is not of its kind is an `Unparsed` that says why.
2. A parser may keep a bounded number of open lines (a multi-line dump); `flush` hands over what is still open.
3. No record holds a secret: digests are made here, by the `Redactor` that the parser was built with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from connwatch.model.line import Line
from connwatch.model.record import Record
from connwatch.parse.redact import Redactor

__all__ = ["Builder", "FormatTable", "Parser"]

FormatTable = Mapping[str, object]
"""One format as its TOML file (or a `[formats.NAME]` table of the configuration) says it: `kind`, `log_format`, ..."""


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
