"""The table of attempts: aligned columns in a pipe, and on a terminal as many of them as fit. Must not know where attempts come from.

A row keeps a few short strings of an attempt, not the attempt: a day's log may hold tens of thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from connwatch.cli.spans import Line, Span, Tone, cells, cut, padded
from connwatch.cli.words import OUTCOME_TONES, clock, day, lasting, percent, stage_name
from connwatch.diagnose.serial import iso
from connwatch.model.attempt import Attempt

__all__ = ["Row", "row_of", "table"]

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Row:
    """What the table shows of one attempt. `started_at` sorts."""

    started_at: float
    ended_at: float
    id: str
    client: str
    server: str
    outcome: str
    tone: Tone
    stuck_at: str
    diagnosis: str
    confidence: float | None


def row_of(attempt: Attempt) -> Row:
    """The row of an attempt; its best diagnosis stands for all."""
    best = attempt.diagnoses[0] if attempt.diagnoses else None
    return Row(
        attempt.started_at,
        attempt.ended_at,
        attempt.id,
        attempt.client,
        attempt.server or "-",
        attempt.outcome.value,
        OUTCOME_TONES[attempt.outcome],
        attempt.stuck_at or "-",
        best.code if best is not None else "-",
        best.confidence if best is not None else None,
    )


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    cells: list[Span]
    leaves: int  # the higher, the sooner it is left out on a narrow terminal; 0 stays
    right: bool = False

    @property
    def empty(self) -> bool:
        """Whether it says nothing of any attempt."""
        return bool(self.cells) and all(text == "-" for text, _ in self.cells)

    @property
    def width(self) -> int:
        return max([cells(self.title), *(cells(text) for text, _ in self.cells)])


def table(rows: Sequence[Row], width: int | None) -> list[Line]:
    """The rows by their start, with a heading. `width` None: a pipe, with full times and every column."""
    ordered = sorted(rows, key=lambda row: (row.started_at, row.id))
    columns = _columns(ordered, plain=width is None)
    if width is not None:
        columns = _fitting([column for column in columns if not column.empty], width)
    widths = [column.width for column in columns]
    if width is not None:
        spare = width - sum(widths) - len(_GAP) * (len(columns) - 1)
        if spare < 0:
            widest = max(range(len(columns)), key=lambda index: widths[index])
            widths[widest] = max(widths[widest] + spare, 8)
    lines: list[Line] = [_line([(column.title, "faint") for column in columns], columns, widths)]
    lines.extend(_line([column.cells[number] for column in columns], columns, widths) for number in range(len(ordered)))
    return lines


def _columns(rows: Sequence[Row], *, plain: bool) -> list[_Column]:
    one_day = len({day(row.started_at) for row in rows}) <= 1
    one_server = len({row.server for row in rows}) <= 1
    return [
        _Column("ID", [(row.id, "") for row in rows], 0),
        _Column("STARTED", [(_start(row, plain=plain, one_day=one_day), "") for row in rows], 0),
        _Column("TOOK", [(lasting(row.ended_at - row.started_at), "faint") for row in rows], 4, right=True),
        _Column("CLIENT", [(row.client, "") for row in rows], 0),
        _Column("SERVER", [(row.server, "faint") for row in rows], 5 if one_server else 2),
        _Column("OUTCOME", [(row.outcome, row.tone) for row in rows], 0),
        _Column("STUCK AT", [(row.stuck_at if plain else stage_name(row.stuck_at), "") for row in rows], 1),
        _Column("LIKELY", [(row.diagnosis, "") for row in rows], 0),
        _Column("SURE", ([("-" if row.confidence is None else percent(row.confidence), "faint") for row in rows]), 3, right=True),
    ]


def _start(row: Row, *, plain: bool, one_day: bool) -> str:
    if plain:
        return iso(row.started_at)
    return clock(row.started_at) if one_day else f"{day(row.started_at)[5:]} {clock(row.started_at)}"


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    """The columns that fit, leaving out first what matters least."""
    kept = list(columns)
    while sum(column.width for column in kept) + len(_GAP) * (len(kept) - 1) > width:
        least = max(kept, key=lambda column: column.leaves)
        if not least.leaves:
            break
        kept.remove(least)
    return kept


def _line(spans: Sequence[Span], columns: Sequence[_Column], widths: Sequence[int]) -> Line:
    line: list[Span] = []
    for (text, tone), column, width in zip(spans, columns, widths, strict=True):
        line += [(padded(cut(text, width), width, right=column.right), tone), (_GAP, "")]
    return line[:-1]
