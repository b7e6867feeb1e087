"""Logs of `name=value` pairs, read by a map of fields. What the fields mean is in `structured`; knows no product."""

from __future__ import annotations

import re
from collections.abc import Sequence

from connwatch.model.line import Line
from connwatch.model.record import Record, Unparsed
from connwatch.parse.app_line import stamped
from connwatch.parse.parser import FormatTable
from connwatch.parse.redact import Redactor
from connwatch.parse.structured import FieldReader

__all__ = ["LogfmtParser", "logfmt_parser", "pairs_of"]

_PAIR = re.compile(r'(?<![\w.@/-])([A-Za-z_@][\w.@/-]{0,80})=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))')
_ESCAPED = re.compile(r"\\(.)")
_LONGEST = 32_768
_MOST = 100


def logfmt_parser(name: str, table: FormatTable, redactor: Redactor) -> LogfmtParser:
    """A builder for the table of formats. Raises ConfigError where the table is wrong."""
    return LogfmtParser(name, table, redactor)


def pairs_of(text: str) -> dict[str, object]:
    """The pairs of a line; of a repeated name the first counts."""
    pairs: dict[str, object] = {}
    for found in _PAIR.finditer(text, 0, _LONGEST):
        quoted, bare = found[2], found[3]
        pairs.setdefault(found[1], _ESCAPED.sub(r"\1", quoted) if quoted is not None else bare)
        if len(pairs) >= _MOST:
            break
    return pairs


class LogfmtParser:
    """Reads logfmt lines. Holds nothing between lines."""

    def __init__(self, name: str, table: FormatTable, redactor: Redactor) -> None:
        self._reader = FieldReader(name, table, redactor)
        self._redactor = redactor

    @property
    def format(self) -> str:
        """The name by which it was asked for."""
        return self._reader.format

    def parse(self, line: Line) -> Sequence[Record]:
        """The records that this line completed."""
        at, text = stamped(line)
        values = pairs_of(text)
        if len(values) < 2:
            return (Unparsed(line.source, line.number, self._redactor.sample(text), "fewer than two name=value pairs"),)
        return (self._reader.record(line, at, values),)

    def flush(self) -> Sequence[Record]:
        """Nothing: no line is ever held."""
        return ()
