"""`connwatch silence`: say that nobody is to be told of something for a while. Writes into the state beside a running daemon."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from connwatch.alerts.alert import ANYWHERE, Key
from connwatch.cli.console import print_json, remark, screen
from connwatch.cli.filters import SPAN
from connwatch.cli.fitting import require_fitting
from connwatch.cli.program import FOUND
from connwatch.cli.setup import Setup, config_option, prepare
from connwatch.cli.stored import readable, state_of

if TYPE_CHECKING:
    from connwatch.alerts.mutes import Silence
    from connwatch.cli.spans import Line
    from connwatch.store.library import Library
    from connwatch.store.outbox import Silences

__all__ = ["silence"]

MOST_NUMBERED = 999_999_999  # a number that SQLite can be asked for

_HELP = """Tell nobody of what fits, for a while.

Client, server and code (a diagnosis, or source-deaf, source-silent) are names or globs; what is left out fits everything, and what can fit nothing
is refused. For a source, --server is its name. The silence is written into the state file (state.path); a running daemon obeys it at once, and it
holds over restarts. Where that daemon does not keep its state there, nothing is written. What would have been told is kept with the reason
"silenced" (connwatch alerts, connwatch notifications), and is told after all when it goes on longer.

\b
Examples:
  connwatch silence --client claude --for 2h --comment "new release"
  connwatch silence --code 'source-*' --for 30m
  connwatch silence --list
  connwatch silence --end 3

\b
Exit status: 0 done; 1 --end found no such silence in force; 2 wrong usage or
configuration; 3 the state cannot be read or written, or a daemon answers that
does not keep it there.
"""


@click.command(help=_HELP, short_help="Tell nobody of something for a while.")
@click.option("--client", default="*", metavar="NAME", help="A client family, or a glob.")
@click.option("--server", default="*", metavar="HOST", help="A server, or a source; or a glob.")
@click.option("--code", default="*", metavar="CODE", help="A diagnosis, or a glob.")
@click.option("--for", "seconds", type=SPAN, help="How long: 30m, 2h, 1d.")
@click.option("--comment", default="", help="Why; shown with what was not told.")
@click.option("--list", "as_list", is_flag=True, help="List the silences that are in force or ended within a day.")
@click.option("--end", "number", type=click.IntRange(1, MOST_NUMBERED), metavar="NUMBER", help="End a silence now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a silence and line (schema connwatch.silence/1).")
@config_option
@click.pass_context
def silence(
    ctx: click.Context,
    client: str,
    server: str,
    code: str,
    seconds: float | None,
    comment: str,
    as_list: bool,
    number: int | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """One of three: begin, list, end."""
    from connwatch.store.outbox import Silences

    if sum((seconds is not None, as_list, number is not None)) != 1:
        raise click.UsageError("say how long with --for, or --list those there are, or --end one of them")
    setup = prepare(config, {})
    library, now = state_of(setup), time.time()
    silences = Silences(library, setup.state_path)
    if as_list:
        _show(silences.all(after=now - 86_400), now, as_json=as_json)
        return
    if number is not None:
        if not silences.end(number, now):
            remark(f"there is no silence {number} in force; `connwatch silence --list` lists them")
            ctx.exit(FOUND)
        remark(f"silence {number} is ended")
        return
    readable(server)
    require_fitting(client, code, setup.catalogue.diagnoses)
    if not _is_known(server, setup, library):
        remark(f"nothing of {server!r} is known so far, neither a server of an attempt nor a source: the silence holds for what comes")
    _begin(silences, client, server, code, now, seconds or 0.0, comment, as_json=as_json)


def _is_known(server: str, setup: Setup, library: Library) -> bool:
    from connwatch.model.selection import Selection

    sources = setup.settings.sources if setup.settings is not None else ()
    names = [ANYWHERE, *(one.name for one in sources)]
    return any(Key("", name, "", "").fits(server=server) for name in names) or bool(library.attempts(Selection(servers=[server]), limit=1))


def _begin(silences: Silences, client: str, server: str, code: str, now: float, seconds: float, comment: str, *, as_json: bool) -> None:
    from connwatch.alerts.mutes import Silence
    from connwatch.parse.printable import printable

    made = Silence(0, now, now + seconds, client[:200], server[:200], code[:200], printable(comment)[:200])
    _show([replace(made, id=silences.add(made))], now, as_json=as_json)


def _show(listed: Sequence[Silence], now: float, *, as_json: bool) -> None:
    if as_json:
        for one in listed:
            print_json(_row(one, now))
        return
    from connwatch.cli.spans import write

    write(sys.stdout, _lines(listed, now), colour=screen().colour)
    sys.stdout.flush()
    if not listed:
        remark("there is none")


def _row(one: Silence, now: float) -> dict[str, Any]:
    from connwatch.diagnose.serial import iso

    return {
        "schema": "connwatch.silence/1",
        "id": one.id,
        "since": iso(one.since),
        "until": iso(one.until),
        "in_force": one.since <= now < one.until,
        "client": one.client,
        "server": one.server,
        "code": one.code,
        "comment": one.comment,
    }


def _lines(listed: Sequence[Silence], now: float) -> Iterator[Line]:
    from connwatch.cli.words import clock, day, lasting

    for one in listed:
        chosen = [f"{name} {value}" for name, value in (("client", one.client), ("server", one.server), ("code", one.code)) if value != "*"]
        left = f"{lasting(one.until - now)} left" if now < one.until else "over"
        yield [
            (f"{one.id:>4}", "strong"),
            (f"  until {day(one.until)} {clock(one.until, parts=5)} UTC, {left}", "" if now < one.until else "faint"),
            (f"  {', '.join(chosen) or 'everything'}", "wait"),
            (f"  {one.comment}" if one.comment else "", "faint"),
        ]
