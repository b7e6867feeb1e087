"""`connwatch explain`: which format a line is in and why not another, its fields, its stage, and what was redacted. Must not read files."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connwatch.cli.console import print_json, say, screen
from connwatch.cli.program import FOUND
from connwatch.cli.setup import config_option, log_format_option

if TYPE_CHECKING:
    from connwatch.cli.explaining import Told

__all__ = ["explain"]

_LONGEST = 65536
_MOST_LINES = 100_000

_HELP = """Say how log lines are read: their format and why no other took them, the fields, the stage, and what is redacted.

LINE is one log line, in quotes; - reads lines from standard input, with several lines of one record kept together.

\b
Examples:
  connwatch explain '203.0.113.7 - - [23/Nov/2026:07:51:06 +0000] "POST /mcp HTTP/1.1" 401 9'
  tail -1 access.log | connwatch explain -
  connwatch explain --failures - < access.log

\b
Exit status: 0 every line is in a known format; 1 one is not; 2 wrong usage.
"""


@click.command(help=_HELP, short_help="Say how a log line is read, and what is redacted.")
@click.argument("line", metavar="LINE|-")
@click.option("--format", "format_name", metavar="NAME", help="Ask this format only.")
@click.option("--failures", is_flag=True, help="Show only what no format takes.")
@log_format_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record (schema connwatch.explain/1).")
@config_option
@click.pass_context
def explain(
    ctx: click.Context, line: str, format_name: str | None, failures: bool, log_formats: tuple[str, ...], as_json: bool, config: Path | None
) -> None:
    """Explains each record of the input."""
    from connwatch.cli.explaining import Explainer
    from connwatch.cli.inputs import parse_log_formats
    from connwatch.cli.setup import prepare
    from connwatch.model.nearest import nearest

    setup = prepare(config, parse_log_formats(log_formats))
    formats = setup.catalogue.formats
    if format_name is not None and format_name not in formats:
        hint = nearest(format_name, formats) or f"known formats: {', '.join(sorted(formats))}"
        raise click.BadParameter(f"no log format is called {format_name!r}; {hint}", param_hint="--format")
    explainer = Explainer(setup, format_name)
    unknown = 0
    for told in explainer.tell(_lines(line)):
        unknown += told.unknown
        if not failures or told.unknown:
            _show(told, as_json=as_json)
    ctx.exit(FOUND if unknown else 0)


def _lines(argument: str) -> Iterator[str]:
    if argument != "-":
        yield from argument.splitlines() or [""]
        return
    if sys.stdin.isatty():
        say("reading lines from the terminal; end with Ctrl-D")
    for number, raw in enumerate(_raw_lines(), 1):
        if number > _MOST_LINES:
            say(f"only the first {_MOST_LINES:,} lines are explained")
            return
        yield raw.decode("utf-8", "replace").rstrip("\r\n")


def _raw_lines() -> Iterator[bytes]:
    """Lines of standard input; of one that is longer than any record may be, the beginning."""
    while raw := sys.stdin.buffer.readline(_LONGEST):
        yield raw
        while not raw.endswith(b"\n") and len(raw) == _LONGEST:
            raw = sys.stdin.buffer.readline(_LONGEST)


def _show(told: Told, *, as_json: bool) -> None:
    if as_json:
        print_json(told.row())
        return
    from connwatch.cli.spans import write

    shown = screen()
    write(sys.stdout, _drawn(told, shown.width), colour=shown.colour)


def _drawn(told: Told, width: int | None) -> Iterable[Any]:
    from connwatch.cli.spans import cut, padded, wrapped

    where = f"line {told.line}" if told.line == told.end_line else f"lines {told.line}-{told.end_line}"
    verdict = ("in no known format", "bad") if told.unknown else (f"{told.format}: {told.kind}", "strong")
    yield [(padded(where, 12), "faint"), verdict]
    if told.unknown:
        yield [(padded("text", 12), "faint"), (told.text if width is None else cut(told.text, width - 12), "")]
    for name, value in told.fields.items():
        yield [(padded("", 12), ""), (padded(name, 16), "faint"), (value if width is None else cut(value, width - 28), "")]
    if told.stage:
        yield [(padded("stage", 12), "faint"), (told.stage, "good")]
    if told.redacted:
        yield [(padded("redacted", 12), "faint"), (", ".join(told.redacted), "")]
    for number, (reason, names) in enumerate(_by_reason(told.others).items()):
        for part, text in enumerate(wrapped(", ".join(names), None if width is None else width - 12)):
            yield [(padded("others" if number == part == 0 else "", 12), "faint"), (text, "")]
        yield [(padded("", 14), ""), (reason if width is None else cut(reason, width - 14), "faint")]
    yield []


def _by_reason(others: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, reason in others:
        grouped.setdefault(reason, []).append(name)
    return grouped
