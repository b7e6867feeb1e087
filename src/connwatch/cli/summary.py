"""The few sentences under a table: how many attempts of which outcome, what was not shown, what could not be read. Must not draw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connwatch.cli.table import Row
from connwatch.cli.words import day
from connwatch.model.attempt import Outcome
from connwatch.model.record import Unparsed

__all__ = ["many", "summary", "totals"]

_SAMPLES = 2
_SAMPLE_WIDTH = 100


def summary(
    rows: Sequence[Row], counted: Counter[Outcome], stats: Mapping[str, Any], samples: Sequence[Unparsed], *, show_probes: bool
) -> Iterator[str]:
    """One message after the other; `stats` are the engine's totals."""
    lines = many(stats.get("lines") or 0, "line")
    yield f"{totals(rows, counted, show_probes=show_probes)}; {lines} read" if rows else f"no connector attempt in {lines}"
    probes = counted[Outcome.PROBE]
    if probes and not show_probes:
        yield f"{many(probes, 'probe')} not shown: health checks, scanners and the like (--outcome probe shows them)"
    bad = next((row for row in sorted(rows, key=lambda row: row.started_at, reverse=True) if row.stuck_at != "-"), None)
    if bad is not None:
        yield f"to see why one stopped, add --attempt {bad.id}"
    unparsed = stats.get("unparsed") or 0
    if unparsed:
        yield f"{many(unparsed, 'line')} in no known format (connwatch explain tells why):\n" + "\n".join(
            f"  {sample.source}:{sample.line}: {sample.text[:_SAMPLE_WIDTH]}" for sample in samples[:_SAMPLES]
        )
    if stats.get("oversized"):
        yield f"{many(stats['oversized'], 'line')} too long to be read"


def totals(rows: Sequence[Row], counted: Counter[Outcome], *, show_probes: bool) -> str:
    """How many attempts of which outcome, where and when; there is at least one row."""
    parts = ", ".join(f"{counted[outcome]:,} {outcome.value}" for outcome in Outcome if counted[outcome] and outcome is not Outcome.PROBE)
    days = sorted({day(row.started_at) for row in rows})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    servers = {row.server for row in rows}
    where = f" at {next(iter(servers))}" if len(servers) == 1 and servers != {"-"} else ""
    count = counted.total() - (0 if show_probes else counted[Outcome.PROBE])
    pieces = f" in {len(rows):,} pieces, because some cannot be told apart," if count < len(rows) else ""
    return f"{many(count, 'attempt')}{pieces}{where}, {when} (UTC): {parts or 'probes only'}"


def many(count: int, noun: str) -> str:
    """So many of something, in words."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
