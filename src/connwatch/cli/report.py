"""`connwatch report`: the troubleshooting document of one attempt, as Markdown. Must not word it: that is the diagnosis floor's."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from connwatch.cli.latest import ANY, KNOWN, LAST, STOPPED, latest, one_choice
from connwatch.cli.program import FOUND
from connwatch.cli.setup import Setup, config_option, log_format_option, prepare
from connwatch.cli.stored import archive_of, latest_of, listen_option, one_called
from connwatch.model.attempt import GOOD, Attempt, Outcome

__all__ = ["report"]

_ID = re.compile("[0-9a-f]{2,40}")

_HELP = """Write the troubleshooting document of one attempt: what worked, the course, the diagnosis, the next steps, the evidence.

Of the FILEs; without FILE, of what the daemon has recorded (see `connwatch attempts --help` for where that is read). Without a choice it is
the latest attempt that failed, stalled or was abandoned (--last), and where none did the latest of all (--any). The document is Markdown on
standard output, in UTC, without secrets: it can be attached to a ticket. It quotes the lines of FILEs; of a recorded attempt it names them.

\b
Examples:
  connwatch report access.log coda-mcp.log
  connwatch report access.log --attempt 7f3c > report.md
  connwatch report access.log --last
  connwatch report --attempt 7f3c --config connwatch.toml

\b
Exit status: 0 the attempt connected; 1 it did not; 2 wrong usage, no such
attempt, or none of the files can be read; 3 no FILE was given, no state can
be read and no daemon answers.
"""


@click.command(help=_HELP, short_help="Write the troubleshooting document of one attempt.")
@click.argument("files", metavar="[[FORMAT:]FILE]...", nargs=-1)
@click.option("--attempt", "attempt_id", metavar="ID", help="This attempt; the first characters of its id suffice.")
@click.option("--last", is_flag=True, help=LAST)
@click.option("--any", "any_outcome", is_flag=True, help=ANY)
@log_format_option
@listen_option
@config_option
@click.pass_context
def report(
    ctx: click.Context,
    files: tuple[str, ...],
    attempt_id: str | None,
    last: bool,
    any_outcome: bool,
    log_formats: tuple[str, ...],
    address: str | None,
    config: Path | None,
) -> None:
    """Finds one attempt, writes its document."""
    from connwatch.diagnose.report import report as document

    ways = (STOPPED,) if last else (KNOWN,) if any_outcome else (STOPPED, KNOWN)
    one_choice(attempt_id, last, any_outcome, named="--attempt")
    if files and address is not None:
        raise click.UsageError("--listen asks a daemon, FILE is read here: give one of them")
    if not files:
        setup = prepare(config, {})
        archive, lines = archive_of(setup, address), None
        attempt = latest_of(archive, ways) if attempt_id is None else one_called(archive, attempt_id)
    else:
        setup, attempt, lines = _read(files, attempt_id, log_formats, config, ways)
    sys.stdout.write(document(attempt, setup.catalogue, lines).rstrip("\n") + "\n")
    ctx.exit(0 if attempt.outcome in GOOD else FOUND)


def _read(
    files: Sequence[str], attempt_id: str | None, log_formats: Sequence[str], config: Path | None, ways: Sequence[tuple[Outcome, ...]]
) -> tuple[Setup, Attempt, Mapping[tuple[str, int], str]]:
    """One attempt of finished logs, with its lines."""
    from connwatch.cli.filters import one_of
    from connwatch.cli.quoting import quoted
    from connwatch.cli.reading import attempts_of, ready

    if len(files) == 1 and _ID.fullmatch(files[0]) and not Path(files[0]).exists():
        raise click.UsageError(f"there is no file {files[0]}; a recorded attempt is named by --attempt {files[0]}")
    setup, inputs = ready(files, config, log_formats)
    attempts = attempts_of(setup.engine(), inputs, setup.lateness)
    attempt = _latest(attempts, ways) if attempt_id is None else one_of(attempts, attempt_id)
    return setup, attempt, quoted(attempt, [one.name for one in inputs])


def _latest(attempts: Iterable[Attempt], ways: Sequence[tuple[Outcome, ...]]) -> Attempt:
    found = latest(attempts, ways)
    if found is None:
        raise click.UsageError("no connector attempt of that kind in these logs; `connwatch replay` says what was read")
    return found
