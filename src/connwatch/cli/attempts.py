"""`connwatch attempts`: what the daemon has recorded, as a table or JSON. Must not know where it is stored."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.filters import MOMENT
from connwatch.cli.setup import config_option, prepare
from connwatch.cli.stored import MOST_ROWS, archive_of, listen_option, readable
from connwatch.model.attempt import GOOD, Attempt, Outcome

__all__ = ["attempts"]

_HELP = """List the attempts that the daemon has recorded, those under way too.

Read from the state file of the configuration (state.path), which works while the daemon runs and after it stopped; where that file is not
there, cannot be read or is not what the running daemon keeps, from the daemon at http.listen; with --listen from that daemon alone. Probes and
noise (health checks, scanners) are left out unless --all or --outcome asks for them.

\b
Examples:
  connwatch attempts --config connwatch.toml
  connwatch attempts --client claude --outcome stalled --since 2d
  connwatch attempts --listen 127.0.0.1:9817 --json | jq -r .id

\b
Exit status: 0 listed, whatever became of them (`connwatch show` and
`connwatch replay` tell by their status); 2 wrong usage or configuration;
3 no state can be read and no daemon answers.
"""


@click.command(help=_HELP, short_help="List the attempts that the daemon has recorded.")
@click.option("--client", "clients", multiple=True, metavar="NAME", help="Only this client family, or a glob. Repeatable.")
@click.option("--server", "servers", multiple=True, metavar="HOST", help="Only this server, or a glob. Repeatable.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice([one.value for one in Outcome]), help="Only this outcome. Repeatable.")
@click.option("--since", type=MOMENT, help="Only attempts that lasted after this: 2026-11-23T07:51Z, 2026-11-23, 2h (ago).")
@click.option("--until", type=MOMENT, help="Only attempts that began before this.")
@click.option("--limit", type=click.IntRange(1, MOST_ROWS), default=100, show_default=True, help="The latest so many.")
@click.option("--all", "everything", is_flag=True, help="Probes and noise too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an attempt and line (schema connwatch.attempt/1).")
@listen_option
@config_option
def attempts(
    clients: Sequence[str],
    servers: Sequence[str],
    outcomes: Sequence[str],
    since: float | None,
    until: float | None,
    limit: int,
    everything: bool,
    as_json: bool,
    address: str | None,
    config: Path | None,
) -> int:
    """Asks for one more than is shown, to know whether there are more."""
    from connwatch.model.selection import Selection

    readable(*clients, *servers)
    archive = archive_of(prepare(config, {}), address)
    shown = outcomes or ([] if everything else [one.value for one in Outcome if one is not Outcome.PROBE])
    found = archive.latest(Selection(clients, servers, shown, since, until), limit + 1)
    listed = found[limit - 1 :: -1]
    if as_json:
        from connwatch.diagnose.serial import attempt_row

        for attempt in listed:
            print_json(attempt_row(attempt))
        return 0
    _tabulate(listed)
    narrowed = bool(clients or servers or outcomes or since is not None or until is not None)
    remark("\n" + "\n".join(_remarks(listed, archive.where, narrowed=narrowed, more=len(found) > limit, probes=everything or bool(outcomes))))
    return 0


def _tabulate(listed: Sequence[Attempt]) -> None:
    from connwatch.cli.spans import write
    from connwatch.cli.table import row_of, table

    if listed:
        shown = screen()
        write(sys.stdout, table([row_of(attempt) for attempt in listed], shown.width), colour=shown.colour)
        sys.stdout.flush()


def _remarks(listed: Sequence[Attempt], where: str, *, narrowed: bool, more: bool, probes: bool) -> Iterator[str]:
    from connwatch.cli.summary import totals
    from connwatch.cli.table import row_of

    if not listed:
        yield f"no attempt {'of that kind ' if narrowed else ''}in {where}{'' if probes else ' (--all lists probes too)'}"
        return
    counted = Counter(attempt.outcome for attempt in listed if not attempt.is_piece)
    yield f"{totals([row_of(one) for one in listed], counted, show_probes=probes)}; from {where}"
    if more:
        yield "older ones are left out: --limit, --since and --until say what to show"
    stopped = next((one for one in reversed(listed) if one.stuck_at and one.outcome not in GOOD), None)
    if stopped is not None:
        yield f"to see why one stopped: connwatch show {stopped.id}"
