"""`connwatch alerts`: what goes wrong now, and what would have been told of recorded logs. Must not send anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.filters import MOMENT
from connwatch.cli.program import FOUND
from connwatch.cli.setup import Setup, config_option, log_format_option, prepare
from connwatch.cli.stored import MOST_ROWS, state_of

if TYPE_CHECKING:
    from connwatch.alerts.preview import Preview

__all__ = ["alerts"]

_HELP = """Show what goes wrong now, and why people were told of it or not.

From the state file of the configuration (state.path). An alert is one thing that goes wrong: a client, a server, a step, a diagnosis.

With --preview: what would have been told, with reasons, and nothing is sent. Of the FILEs (as `connwatch replay` takes them), or, without any,
of the attempts in the state since --since; there the times of attempts that ended in silence are right to a minute.

\b
Examples:
  connwatch alerts --config connwatch.toml
  connwatch alerts --preview --since 24h --config connwatch.toml
  connwatch alerts --preview access.log coda-mcp.log --full

\b
Exit status: 0 nothing is wrong, or nothing would have been told; 1 something
is; 2 wrong usage or configuration; 3 no state can be read, or a daemon
answers that does not keep it there.
"""


@click.command(help=_HELP, short_help="Show what goes wrong now; --preview: what would have been told.")
@click.argument("files", metavar="[[FORMAT:]FILE]...", nargs=-1)
@log_format_option
@click.option("--preview", "as_preview", is_flag=True, help="What would have been told, from recorded attempts or from FILEs.")
@click.option("--since", type=MOMENT, help="Only what happened after this: 24h (ago), 2026-11-23. Default with a state: 24h.")
@click.option("--full", is_flag=True, help="Whole messages, not only their titles.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines: connwatch.notice/1 for messages, connwatch.alert/1 for alerts.")
@config_option
@click.pass_context
def alerts(
    ctx: click.Context,
    files: Sequence[str],
    log_formats: Sequence[str],
    as_preview: bool,
    since: float | None,
    full: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Chooses between now and what would have been."""
    if not as_preview:
        if files or full or log_formats:
            raise click.UsageError("FILE, --full and --log-format go with --preview")
        ctx.exit(_now(prepare(config, {}), since, as_json=as_json))
    ctx.exit(_preview(files, config, log_formats, since, full=full, as_json=as_json))


def _now(setup: Setup, since: float | None, *, as_json: bool) -> int:
    from connwatch.alerts.serial import alert_row
    from connwatch.cli.alertlines import alert_lines
    from connwatch.cli.spans import write
    from connwatch.store.outbox import Outbox

    path = setup.state_path
    outbox = Outbox(state_of(setup))
    found = [one for one in outbox.in_mind() if one.state not in ("over", "noted")] if since is None else outbox.alerts(since=since)
    found.sort(key=lambda one: one.last_at)
    if as_json:
        for alert in found:
            print_json(alert_row(alert))
    else:
        shown = screen()
        write(sys.stdout, alert_lines(found, shown.width), colour=shown.colour)
        sys.stdout.flush()
        if not found:
            remark(f"nothing is wrong, as far as {path} knows" if since is None else f"nothing went wrong, as far as {path} knows")
    return FOUND if any(one.state in ("told", "waiting", "flapping") for one in found) else 0


def _preview(
    files: Sequence[str], config: Path | None, log_formats: Sequence[str], since: float | None, *, full: bool, as_json: bool
) -> int:  # fmt: skip
    from connwatch.alerts.mutes import Mutes
    from connwatch.alerts.preview import preview
    from connwatch.cli.alerting import alert_settings, pace_of, policy_of, writer_of
    from connwatch.cli.previewing import turns_of_attempts, turns_of_logs
    from connwatch.cli.reading import ready
    from connwatch.settings.maintenance import windows

    mutes = Mutes()
    if files:
        setup, inputs = ready(files, config, log_formats)
        turns = turns_of_logs(setup.engine(live=True), inputs, setup.lateness)
    else:
        from connwatch.model.selection import Selection

        setup = prepare(config, {})
        since = time.time() - 86_400 if since is None else since
        library = state_of(setup)
        turns = turns_of_attempts(library.attempts(Selection(since=since), limit=MOST_ROWS))
        mutes.restarts.take(library.marks(since - 60, time.time()))
    settings = alert_settings(setup)
    mutes.windows = windows(settings.maintenance)
    policy = policy_of(setup)
    writer = writer_of(setup, policy, settings)
    found = preview(policy, turns, pace=pace_of(settings), mutes=mutes)
    if since is not None:
        found.notices = [one for one in found.notices if one.at >= since]
        found.alerts = {name: one for name, one in found.alerts.items() if one.last_at >= since}
    texts = [(notice, writer.write(notice, found.attempts.get)) for notice in found.notices]
    if as_json:
        from connwatch.alerts.serial import alert_row, notice_row

        for notice, text in texts:
            print_json(notice_row(notice, text))
        for alert in found.alerts.values():
            print_json(alert_row(alert))
        return FOUND if texts else 0
    from connwatch.cli.alertlines import alert_lines, notice_lines
    from connwatch.cli.spans import write

    shown = screen()
    for notice, text in texts:
        write(sys.stdout, notice_lines(notice, text, shown.width, whole=full), colour=shown.colour)
    silent = [one for one in found.alerts.values() if one.told_at is None]
    if silent:
        write(sys.stdout, [[("not told:", "faint")] if texts else [("nothing would have been told; what went wrong:", "faint")]], colour=shown.colour)
        write(sys.stdout, alert_lines(sorted(silent, key=lambda one: one.first_at), shown.width), colour=shown.colour)
    sys.stdout.flush()
    remark(_summary(found))
    return FOUND if texts else 0


def _summary(found: Preview) -> str:
    attempts = sum(not attempt.is_piece for attempt in found.attempts.values())
    messages = len(found.notices)
    bad = sum(alert.count for alert in found.alerts.values())
    return f"{messages or 'no'} message{'' if messages == 1 else 's'} about {bad} of {attempts} attempts"
