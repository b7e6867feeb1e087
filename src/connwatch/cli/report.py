"""`connwatch report`: the troubleshooting document of one attempt, as Markdown. Must not word it: that is the diagnosis floor's."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from connwatch.cli.program import FOUND
from connwatch.cli.setup import config_option, log_format_option
from connwatch.model.attempt import GOOD, Attempt, Outcome

__all__ = ["report"]

_HELP = """Write the troubleshooting document of one attempt: what worked, the course, the diagnosis, the next steps, the evidence.

Without --attempt it is the last attempt that did not connect, with --last the last one of all. The document is Markdown on standard output,
in UTC, without secrets: it can be attached to a ticket.

\b
Examples:
  connwatch report access.log coda-mcp.log
  connwatch report access.log --attempt 7f3c > report.md
  connwatch report access.log --last

\b
Exit status: 0 the attempt connected; 1 it did not; 2 wrong usage, no such
attempt, or none of the files can be read.
"""


@click.command(help=_HELP, short_help="Write the troubleshooting document of one attempt.")
@click.argument("files", metavar="[FORMAT:]FILE...", nargs=-1, required=True)
@click.option("--attempt", "attempt_id", metavar="ID", help="This attempt; the first characters of its id suffice.")
@click.option("--last", is_flag=True, help="The last attempt, whatever became of it.")
@log_format_option
@config_option
@click.pass_context
def report(ctx: click.Context, files: tuple[str, ...], attempt_id: str | None, last: bool, log_formats: tuple[str, ...], config: Path | None) -> None:
    """Reads everything, keeps one attempt, writes its document."""
    from connwatch.cli.quoting import quoted
    from connwatch.cli.reading import attempts_of, one_of, ready
    from connwatch.diagnose.report import report as document

    if last and attempt_id is not None:
        raise click.UsageError("--attempt and --last exclude each other")
    setup, inputs = ready(files, config, log_formats)
    attempts = attempts_of(setup.engine(), inputs, setup.lateness)
    attempt = _latest(attempts, any_outcome=last) if attempt_id is None else one_of(attempts, attempt_id)
    lines = quoted(attempt, [one.name for one in inputs])
    sys.stdout.write(document(attempt, setup.catalogue, lines).rstrip("\n") + "\n")
    ctx.exit(0 if attempt.outcome in GOOD else FOUND)


def _latest(attempts: Iterable[Attempt], *, any_outcome: bool) -> Attempt:
    """The last attempt by its start; where `any_outcome` is not set, one that did not connect comes before all that did."""
    best: Attempt | None = None
    for attempt in attempts:
        if attempt.outcome is not Outcome.PROBE and (best is None or _rank(attempt, any_outcome) > _rank(best, any_outcome)):
            best = attempt
    if best is None:
        raise click.UsageError("no connector attempt in these logs; `connwatch replay` says what was read")
    return best


def _rank(attempt: Attempt, any_outcome: bool) -> tuple[bool, float]:
    return (not any_outcome and attempt.outcome not in GOOD, attempt.started_at)
