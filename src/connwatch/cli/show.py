"""`connwatch show`: one recorded attempt, drawn with what happened around it. Must not know where it is stored, nor judge it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from connwatch.cli.console import print_json, screen
from connwatch.cli.latest import ANY, KNOWN, LAST, STOPPED, one_choice
from connwatch.cli.program import FOUND
from connwatch.cli.setup import config_option, prepare
from connwatch.cli.stored import archive_of, latest_of, listen_option, one_called
from connwatch.model.attempt import GOOD

__all__ = ["show"]

_HELP = """Draw one attempt that the daemon has recorded: each request with its time, status and lines, what was not seen, the diagnosis.

ID is the attempt's id; its first characters suffice. What happened to the programs behind the logs from a minute before the attempt to a minute
after it (a container died, lines were lost) stands between the requests. Where it is read: see `connwatch attempts --help`. The lines
themselves are not kept; they are named by source and number.

\b
Examples:
  connwatch show 7f3c
  connwatch show --last
  connwatch show 7f3c --json | jq .marks

\b
Exit status: 0 the attempt connected; 1 it did not; 2 wrong usage, or no
such attempt; 3 no state can be read and no daemon answers.
"""


@click.command(help=_HELP, short_help="Draw one recorded attempt, with what happened around it.")
@click.argument("attempt_id", metavar="[ID]", required=False)
@click.option("--last", is_flag=True, help=LAST)
@click.option("--any", "any_outcome", is_flag=True, help=ANY)
@click.option("--json", "as_json", is_flag=True, help="One JSON object: connwatch.attempt/1, with steps and marks beside it.")
@listen_option
@config_option
def show(attempt_id: str | None, last: bool, any_outcome: bool, as_json: bool, address: str | None, config: Path | None) -> int:
    """Finds the attempt, then draws it."""
    if not one_choice(attempt_id, last, any_outcome, named="ID"):
        raise click.UsageError("name one attempt: its ID, --last or --any")
    archive = archive_of(prepare(config, {}), address)
    attempt = latest_of(archive, (KNOWN if any_outcome else STOPPED,)) if attempt_id is None else one_called(archive, attempt_id)
    marks, gaps = archive.around(attempt)
    if as_json:
        from connwatch.diagnose.serial import attempt_detail, mark_rows

        print_json({**attempt_detail(attempt), "marks": mark_rows(marks, gaps)})
    else:
        from connwatch.cli.spans import write
        from connwatch.cli.waterfall import waterfall

        shown = screen()
        write(sys.stdout, waterfall(attempt, shown.width, marks, gaps), colour=shown.colour)
    return 0 if attempt.outcome in GOOD else FOUND
