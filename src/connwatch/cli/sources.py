"""`connwatch sources`: what is followed, and how that goes. Must not follow anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.program import FOUND
from connwatch.cli.remote import daemon_of
from connwatch.cli.setup import Setup, config_option, prepare
from connwatch.cli.stored import listen_option
from connwatch.model.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from connwatch.cli.spans import Line, Span, Tone

__all__ = ["sources"]

Row = Mapping[str, Any]

_HELP = """Show each source: whether it can be read, how far it is, what it lost, and what it promises.

From the daemon, at http.listen of the configuration or at --listen. Where none answers at http.listen the configured sources are listed, with
what each kind promises about lines that may be lost or come twice; their state is then unknown.

\b
Examples:
  connwatch sources --config connwatch.toml
  connwatch sources --json | jq -r 'select(.gaps != {}) | .name'

\b
Exit status: 0 fine; 1 a source is down, or could not be read for a minute;
2 wrong usage or configuration; 3 no daemon answers at --listen, or none
answers and no source is configured.
"""


@click.command(help=_HELP, short_help="Show what is followed, and how that goes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a source and line.")
@listen_option
@config_option
def sources(as_json: bool, address: str | None, config: Path | None) -> int:
    """Asks the daemon, or the configuration."""
    setup = prepare(config, {})
    daemon = daemon_of(setup.settings, address)
    note = ""
    try:
        answer = daemon.get("/api/sources")
        rows: Sequence[Row] = answer["sources"]
        note = answer["state"]["note"]
    except SourceError as error:
        if address is not None:
            raise
        rows = _configured(setup)
        if not rows:
            hint = "name the daemon's configuration with --config, or its address with --listen"
            raise SourceError(f"{error}, and no source is configured: {hint}") from error
        note = f"{error}: the state of the sources is unknown"
    except (KeyError, TypeError) as error:
        raise SourceError(f"the daemon at {daemon.address} answers in words that are not known here: it is of another version") from error
    if as_json:
        for row in rows:
            print_json(dict(row))
    else:
        from connwatch.cli.spans import write

        shown = screen()
        write(sys.stdout, _lines(rows, shown.width), colour=shown.colour)
        sys.stdout.flush()
    if note:
        remark(note)
    return FOUND if any(row["state"] == "down" or row["deaf"] for row in rows) else 0


def _configured(setup: Setup) -> list[Row]:
    """What can be said of the sources without the daemon, under the same keys; None is unknown."""
    from connwatch.sources.table import make_sources

    rows: list[Row] = []
    for one in setup.settings.sources if setup.settings is not None else ():
        unknown = dict.fromkeys(("attached", "deaf", "lag_seconds", "lines", "unparsed", "newest_at", "duplicates", "reopened", "gaps"))
        row = {"name": one.name, "kind": one.kind, "state": None, **unknown, "note": "", "warning": "", "delivery": ""}
        try:
            row["delivery"] = make_sources([one])[0].delivery
        except ConfigError as error:
            row["note"] = str(error)
        rows.append(row)
    return rows


_TONES: Mapping[str | None, Tone] = {"live": "good", "catching_up": "wait", "down": "bad", "ended": "faint", None: "faint"}
_SIDE = 13


def _lines(rows: Sequence[Row], width: int | None) -> Iterator[Line]:
    from connwatch.cli.spans import padded, wrapped

    widest = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        state = str(row["state"] or "unknown").replace("_", " ")
        deaf: Span = ("  could not be read for a minute" if row["deaf"] else "", "bad")
        yield [(padded(row["name"], widest), "strong"), (f"  {padded(row['kind'], 8)} ", "faint"), (state, _TONES.get(row["state"], "")), deaf]
        for title, text, tone in _facts(row):
            for number, part in enumerate(wrapped(text, None if width is None else width - 2 - _SIDE)):
                yield [(f"  {padded(title if number == 0 else '', _SIDE)}", "faint"), (part, tone)]


def _facts(row: Row) -> Iterator[tuple[str, str, Tone]]:
    from connwatch.cli.words import lasting

    if row["lines"] is not None:
        unknown = f", {row['unparsed']:,} of them in no known format" if row["unparsed"] else ""
        yield "lines", f"{row['lines']:,}{unknown}", ""
    if row["attached"] is False:
        yield "attached", "never yet", "warn"
    if row["newest_at"]:
        lag = row["lag_seconds"]
        behind = "" if lag is None else f", read {lasting(lag)} after" if lag >= 0 else f", {lasting(-lag)} ahead of the clock"
        yield "newest stamp", f"{row['newest_at']}{behind}", ""
    if row["reopened"]:
        yield "reopened", _counts(row["reopened"]), ""
    if row["gaps"]:
        yield "gaps", _counts(row["gaps"]), "warn"
    if row["duplicates"]:
        yield "came again", f"{row['duplicates']:,} lines, dropped", ""
    if row["note"]:
        yield "note", row["note"], "bad" if row["state"] == "down" else ""
    if row["warning"]:
        yield "warning", row["warning"], "warn"
    if row["delivery"]:
        yield "promises", row["delivery"], "faint"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items()))
