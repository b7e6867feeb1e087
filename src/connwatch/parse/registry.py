"""Which parser reads which kind of format: the explicit table. Knows every parser; nothing else on this floor does but `recognise`.

A parser's module is imported when a format of its kind is first asked for: a source whose format is named must not pay for the others.

A format is a table (`[[format]]` in the catalogue, `[formats.NAME]` in the configuration); its `kind` picks the builder here. A
table without a kind has a `log_format`. The name "auto" stands for recognising line by line.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from connwatch.model.errors import ConfigError
from connwatch.parse.parser import Builder, FormatTable, Parser
from connwatch.parse.redact import Redactor

__all__ = ["PARSERS", "SKIMMED", "Formats", "make_parser", "rank_of"]

Formats = Mapping[str, FormatTable]
"""Format tables by name."""

#: One line for each kind of log: the module on this floor, and the builder in it.
PARSERS: dict[str, tuple[str, str]] = {
    "log_format": ("nginx_stream", "nginx_stream"),
    "nginx-error": ("nginx_stream", "nginx_error_stream"),
    "coda-mcp": ("coda", "coda_parser"),
    "uvicorn": ("uvicorn", "uvicorn_parser"),
    "node": ("node_plain", "node_parser"),
    "json": ("jsonlines", "json_parser"),
    "logfmt": ("logfmt", "logfmt_parser"),
}
#: Kinds whose lines are mostly of no interest: of these only candidates and errors are wanted.
SKIMMED = frozenset(("log_format", "nginx-error"))
_RANK = 90


def make_parser(name: str, formats: Formats, redactor: Redactor) -> Parser:
    """A new parser for the format called `name`. Raises ConfigError where there is none, or its table is wrong."""
    table = formats.get(name)
    if table is None:
        known = ", ".join(sorted(formats))
        raise ConfigError(f"no format called {name!r}", key="format", hint=f"known are auto, {known}")
    place = PARSERS.get(str(table.get("kind", "log_format")))
    if place is None:
        raise ConfigError(f"unknown kind {table.get('kind')!r}", key=f"formats.{name}.kind", hint=f"one of {', '.join(sorted(PARSERS))}")
    builder: Builder = getattr(import_module(f"connwatch.parse.{place[0]}"), place[1])
    try:
        return builder(name, table, redactor)
    except ValueError as wrong:
        raise ConfigError(str(wrong), key=f"formats.{name}", hint="correct the table of this format") from wrong


def rank_of(table: FormatTable) -> int:
    """How telling it is that a line matches this format, 0 to 100; a format of the operator's own goes first."""
    rank = table.get("rank", _RANK)
    return rank if isinstance(rank, int) else _RANK
