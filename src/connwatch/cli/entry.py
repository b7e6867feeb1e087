"""One entry of the catalogue on the screen, with how its examples fare. Must not know what entries mean."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from connwatch.cli.console import screen
from connwatch.cli.spans import Line, padded, wrapped, write
from connwatch.model.nearest import nearest
from connwatch.rules.catalogue import KINDS, Catalogue
from connwatch.settings.selfcheck import Checked

__all__ = ["show_entry"]

_SIDE = 20


def show_entry(catalogue: Catalogue, checked: Sequence[Checked], kind: str, name: str) -> None:
    """Writes the entry to standard output. Raises a usage error with the nearest name where there is none."""
    if kind not in KINDS:
        raise click.UsageError(f"no kind of entry is called {kind!r}; {nearest(kind, KINDS) or 'one of ' + ', '.join(KINDS)}")
    table: Mapping[str, Any] = getattr(catalogue, KINDS[kind])
    if name not in table:
        raise click.UsageError(f"no {kind} is called {name!r}; {nearest(name, table) or 'known: ' + ', '.join(table)}")
    raw = table[name]
    fields = {one.name: getattr(raw, one.name) for one in dataclasses.fields(raw)} if dataclasses.is_dataclass(raw) else dict(raw)
    examples = fields.pop("example", ())
    shown = screen()
    lines: list[Line] = [[(f"{kind} {name}", "strong")]]
    for key, value in fields.items():
        if value not in ("", (), [], {}, None):
            lines += _field(key, value, shown.width)
    problems = next((entry.problems for entry in checked if entry.entry == f"{kind} {name}"), [])
    if examples:
        lines.append([(f"{len(examples)} examples: {'all hold' if not problems else f'{len(problems)} fail'}", "bad" if problems else "good")])
    for number, example in enumerate(examples, 1):
        failed = [problem for problem in problems if problem.startswith(f"example {number}:")]
        lines.append(
            [(padded(f"  {number}", 5), "faint"), ("fails  " if failed else "holds  ", "bad" if failed else "good"), (_example(example), "")]
        )
        lines += [[(" " * 12, ""), (problem, "warn")] for problem in failed]
    write(sys.stdout, lines, colour=shown.colour)


def _field(key: str, value: Any, width: int | None) -> list[Line]:
    many = isinstance(value, list | tuple)
    texts = [_text(entry) for entry in value] if many else [_text(value)]
    room = None if width is None else width - _SIDE
    lines = [line for text in texts for line in wrapped(text, room)]
    return [[(padded(key if number == 0 else "", _SIDE), "faint"), (line, "")] for number, line in enumerate(lines)]


def _text(value: Any) -> str:
    return ", ".join(f"{key}={_text(entry)}" for key, entry in value.items()) if isinstance(value, Mapping) else str(value)


def _example(example: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={_text(value)}" for key, value in example.items())
