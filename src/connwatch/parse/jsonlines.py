"""Logs of one JSON object a line, read by a map of fields. What the fields mean is in `structured`; knows no product."""

from __future__ import annotations

import json
from collections.abc import Sequence

from connwatch.model.line import Line
from connwatch.model.record import Record, Unparsed
from connwatch.parse.app_line import stamped
from connwatch.parse.parser import FormatTable
from connwatch.parse.redact import Redactor
from connwatch.parse.structured import FieldReader

__all__ = ["JsonParser", "json_object", "json_parser"]

_LONGEST = 262_144


def json_parser(name: str, table: FormatTable, redactor: Redactor) -> JsonParser:
    """A builder for the table of formats. Raises ConfigError where the table is wrong."""
    return JsonParser(name, table, redactor)


def json_object(text: str) -> tuple[dict[str, object], str]:
    """The object of a line and "", or an empty one and why. Deep nesting, huge numbers and cut lines are reasons, not errors."""
    start = text.find("{", 0, 64)
    if start < 0:
        return {}, "no JSON object"
    if len(text) > _LONGEST:
        return {}, "a JSON object that is too long"
    try:
        loaded = json.loads(text[start:])
    except RecursionError:
        return {}, "a JSON object nested too deeply"
    except ValueError:
        return {}, "a JSON object, cut or broken"
    return (loaded, "") if isinstance(loaded, dict) else ({}, "JSON, but not an object")


class JsonParser:
    """Reads JSON lines. Holds nothing between lines."""

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
        values, reason = json_object(text)
        if reason:
            return (Unparsed(line.source, line.number, self._redactor.sample(text), reason),)
        return (self._reader.record(line, at, values),)

    def flush(self) -> Sequence[Record]:
        """Nothing: no line is ever held."""
        return ()
