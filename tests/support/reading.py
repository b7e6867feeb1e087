"""Reads a text with a parser, as the engine would, and finds what must not be in a record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from connwatch.model.line import Line
from connwatch.model.record import Record
from connwatch.parse.parser import Parser
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import make_parser

KEY = b"tests"
DATA = Path(__file__).parents[1] / "unit" / "parse" / "data"
#: Formats as a configuration would name them, for the parsers that need no settings.
PLAIN = {"coda-mcp": {"kind": "coda-mcp"}, "uvicorn": {"kind": "uvicorn"}, "node": {"kind": "node"}}
JSON = {
    "kind": "json",
    "fields": {"at": "time", "method": "m", "target": "u", "status": "s", "level": "level", "message": "msg"},
    "keys": {"session_id": "sid"},
}
LOGFMT = {**JSON, "kind": "logfmt"}
EVERY = {**PLAIN, "mapped": JSON, "pairs": LOGFMT}

T = TypeVar("T")


def parser_of(name: str) -> Parser:
    return make_parser(name, EVERY, Redactor(KEY))


def read(name: str, text: str | Iterable[str], seen_at: float | None = None) -> list[Record]:
    """Every record of a text that was read at a time, the open one at its end included."""
    lines = text.splitlines() if isinstance(text, str) else list(text)
    parser = parser_of(name)
    records = [record for number, line in enumerate(lines, 1) for record in parser.parse(Line("log", number, line, seen_at))]
    return [*records, *parser.flush()]


def of_type(records: Iterable[Record], kind: type[T]) -> list[T]:
    return [record for record in records if isinstance(record, kind)]


def digest(value: str) -> str:
    return Redactor(KEY).digest(value)
