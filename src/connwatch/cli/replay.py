"""`connwatch replay`: finished logs through the engine, as a table, one waterfall, JSON or totals. Must not judge attempts."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.filters import MOMENT, one_of
from connwatch.cli.program import FOUND
from connwatch.cli.setup import config_option, log_format_option
from connwatch.model.attempt import GOOD, Attempt, Outcome
from connwatch.model.selection import Selection

if TYPE_CHECKING:
    from connwatch.engine import Engine

__all__ = ["replay"]

_HELP = """Put the connector attempts in finished logs together again.

FILE is a log, plain or compressed, or - for standard input. Its format is recognised; FORMAT:FILE names it. Give the proxy's and the
server's logs together: they are merged by time, and each says what the other cannot.

\b
Examples:
  connwatch replay access.log coda-mcp.log
  connwatch replay access.log --client claude --since 2026-11-23
  connwatch replay access.log --attempt 7f3c
  connwatch replay --log-format rich='$host $msec "$request" $status' rich:access.log
  docker logs -t nginx-proxy 2>&1 | connwatch replay -
  connwatch replay access.log --json | jq 'select(.outcome == "stalled") | .diagnoses[0].code'

\b
Exit status: 0 every attempt shown connected; 1 one did not;
2 wrong usage, or none of the files can be read.
"""


@click.command(help=_HELP, short_help="Put the attempts in finished logs together again.")
@click.argument("files", metavar="[FORMAT:]FILE...", nargs=-1, required=True)
@log_format_option
@click.option("--attempt", "attempt_id", metavar="ID", help="Draw one attempt; the first characters of its id suffice.")
@click.option("--client", "clients", multiple=True, metavar="NAME", help="Only this client family, or a glob. Repeatable.")
@click.option("--server", "servers", multiple=True, metavar="HOST", help="Only this server, or a glob. Repeatable.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice([one.value for one in Outcome]), help="Only this outcome. Repeatable.")
@click.option("--since", type=MOMENT, help="Only attempts that lasted after this: 2026-11-23T07:51Z, 2026-11-23, 2h (ago).")
@click.option("--until", type=MOMENT, help="Only attempts that began before this.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an attempt and line (schema connwatch.attempt/1).")
@click.option("--stats", "as_stats", is_flag=True, help="Totals only, as one JSON object.")
@config_option
@click.pass_context
def replay(
    ctx: click.Context,
    files: tuple[str, ...],
    log_formats: tuple[str, ...],
    attempt_id: str | None,
    clients: tuple[str, ...],
    servers: tuple[str, ...],
    outcomes: tuple[str, ...],
    since: float | None,
    until: float | None,
    as_json: bool,
    as_stats: bool,
    config: Path | None,
) -> None:
    """Reads everything, then shows what was asked for."""
    from connwatch.cli.reading import attempts_of, ready

    wanted = Selection(clients, servers, outcomes, since, until)
    if as_stats and (wanted or as_json or attempt_id):
        raise click.UsageError("--stats counts everything; it goes with no other choice of what to show")
    setup, inputs = ready(files, config, log_formats)
    engine = setup.engine()
    tally: Counter[Outcome] = Counter()
    chosen = _chosen(attempts_of(engine, inputs, setup.lateness), wanted, tally)
    if attempt_id is not None:
        attempt = one_of(chosen, attempt_id)
        tally = Counter([attempt.outcome])
        if as_json:
            _write_json([attempt])
        else:
            _draw(attempt)
    elif as_stats:
        for _ in chosen:
            continue
        print_json(engine.stats().as_dict())
    elif as_json:
        _write_json(chosen)
    else:
        _tabulate(chosen, engine, show_probes=Outcome.PROBE.value in outcomes)
    ctx.exit(FOUND if any(outcome not in _FINE and count for outcome, count in tally.items()) else 0)


#: Outcomes that are no finding: they connected, were never tries, or could not be seen.
_FINE = frozenset({*GOOD, Outcome.PROBE, Outcome.BLIND})


def _chosen(attempts: Iterable[Attempt], wanted: Selection, tally: Counter[Outcome]) -> Iterator[Attempt]:
    for attempt in attempts:
        if attempt in wanted:
            tally[attempt.outcome] += 1
            yield attempt


def _write_json(attempts: Iterable[Attempt]) -> None:
    from connwatch.diagnose.serial import attempt_row

    for attempt in attempts:
        print_json(attempt_row(attempt))


def _draw(attempt: Attempt) -> None:
    from connwatch.cli.spans import write
    from connwatch.cli.waterfall import waterfall

    shown = screen()
    write(sys.stdout, waterfall(attempt, shown.width), colour=shown.colour)


def _tabulate(attempts: Iterable[Attempt], engine: Engine, *, show_probes: bool) -> None:
    from connwatch.cli.spans import write
    from connwatch.cli.summary import summary
    from connwatch.cli.table import row_of, table

    counted: Counter[Outcome] = Counter()
    rows = []
    for attempt in attempts:
        if not attempt.is_piece:
            counted[attempt.outcome] += 1
        if show_probes or attempt.outcome is not Outcome.PROBE:
            rows.append(row_of(attempt))
    shown = screen()
    if rows:
        write(sys.stdout, table(rows, shown.width), colour=shown.colour)
        sys.stdout.flush()
    remark("\n" + "\n".join(summary(rows, counted, engine.stats().as_dict(), engine.samples(), show_probes=show_probes)))
