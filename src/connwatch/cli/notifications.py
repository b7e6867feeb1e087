"""`connwatch notifications`: what people were told, whether it arrived, and what they were not told, with reasons. Must not send anything."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.filters import MOMENT
from connwatch.cli.program import FOUND
from connwatch.cli.setup import config_option, prepare
from connwatch.cli.stored import MOST_ROWS, state_of
from connwatch.model.errors import SourceError

if TYPE_CHECKING:
    from connwatch.cli.spans import Line
    from connwatch.store.outbox import Delivery

__all__ = ["notifications"]

_HELP = """List the messages that were sent, to whom, and whether they arrived; then what was not told, and why.

Read from the state file of the configuration (state.path), whether the daemon runs or not. Targets are shown by name, never by address.

\b
Examples:
  connwatch notifications --config connwatch.toml
  connwatch notifications --since 7d --full
  connwatch notifications --json | jq 'select(.deliveries[]?.state == "failed")'

\b
Exit status: 0 listed; 1 a message did not arrive anywhere it should have;
2 wrong usage or configuration; 3 no state can be read, or a daemon answers
that does not keep it there.
"""


@click.command(help=_HELP, short_help="List what people were told, and what not, with reasons.")
@click.option("--since", type=MOMENT, help="After this: 24h (ago), 2026-11-23. Default: 7 days.")
@click.option("--limit", type=click.IntRange(1, MOST_ROWS), default=50, show_default=True, help="The latest so many messages, and so many alerts.")
@click.option("--full", is_flag=True, help="Whole messages, not only their titles.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines: connwatch.notice/1 for messages, connwatch.alert/1 for alerts.")
@config_option
def notifications(since: float | None, limit: int, full: bool, as_json: bool, config: Path | None) -> int:
    """Words each message anew, from the attempts as they are known now."""
    from connwatch.alerts.serial import alert_row, notice_row
    from connwatch.cli.alerting import alert_settings, policy_of, writer_of
    from connwatch.cli.alertlines import alert_lines, notice_lines
    from connwatch.cli.spans import write
    from connwatch.store.outbox import Outbox

    setup = prepare(config, {})
    path = setup.state_path
    library = state_of(setup)
    outbox, after = Outbox(library), time.time() - 7 * 86_400 if since is None else since
    writer = writer_of(setup, policy_of(setup), alert_settings(setup))

    def find(name: str) -> Any:
        try:
            return library.attempt(name)
        except SourceError:
            return None

    told = [(notice, writer.write(notice, find), outbox.deliveries(notice.id)) for notice in reversed(outbox.notices(since=after, most=limit))]
    untold = [one for one in reversed(outbox.alerts(since=after, most=limit)) if one.reasons]
    if as_json:
        for notice, text, deliveries in told:
            print_json({**notice_row(notice, text), "deliveries": [_row(one) for one in deliveries]})
        for alert in untold:
            print_json(alert_row(alert))
    else:
        shown = screen()
        for notice, text, deliveries in told:
            write(sys.stdout, notice_lines(notice, text, shown.width, whole=full), colour=shown.colour)
            write(sys.stdout, _ways(deliveries), colour=shown.colour)
        if untold:
            write(sys.stdout, [*([[]] if told else []), [("not told, or not again:", "faint")]], colour=shown.colour)
            write(sys.stdout, alert_lines(untold, shown.width), colour=shown.colour)
        sys.stdout.flush()
        if not told:
            remark(f"nobody was told of anything, as far as {path} knows")
    return FOUND if any(one.state == "failed" for _, _, deliveries in told for one in deliveries) else 0


def _row(one: Delivery) -> dict[str, Any]:
    from connwatch.diagnose.serial import iso

    return {
        "target": one.target,
        "state": one.state,
        "tries": one.tries,
        "at": None if one.done_at is None else iso(one.done_at),
        "again_at": iso(one.again_at) if one.state == "waiting" else None,
        "error": one.error,
    }


def _ways(deliveries: Sequence[Delivery]) -> Iterator[Line]:
    from connwatch.cli.words import clock

    if not deliveries:
        yield [("      to nobody: no target takes it (alerts.targets_file)", "faint")]
    for one in deliveries:
        if one.state == "sent":
            yield [(f"      {one.target}: sent at {clock(one.done_at or 0.0)}", "good")]
            continue
        tries = f" after {one.tries} tries" if one.tries > 1 else ""
        said = f": {one.error}" if one.error else ""
        if one.state == "failed":
            yield [(f"      {one.target}: given up{tries}{said}", "bad")]
        else:
            yield [(f"      {one.target}: on its way{tries}{said}, tried again at {clock(one.again_at)}", "warn")]
