"""`connwatch tail`: attempts and their steps, live. From the daemon where one runs, else from the logs directly, through the same engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connwatch.cli.console import say, screen
from connwatch.cli.far import Hearing, far_sources
from connwatch.cli.filters import MOMENT
from connwatch.cli.inputs import named_input, opened_inputs, parse_log_formats
from connwatch.cli.remote import Daemon, daemon_of
from connwatch.cli.setup import Setup, config_option, log_format_option, prepare, require_format
from connwatch.cli.telling import Chosen
from connwatch.cli.watching import FINAL, Show, Shown, shown_on, told_aside
from connwatch.diagnose.serial import CHANGE_SCHEMA, change_row
from connwatch.model.attempt import Outcome
from connwatch.model.errors import SourceError
from connwatch.model.event import Stage

if TYPE_CHECKING:
    from connwatch.sources.source import Source

__all__ = ["tail"]

MOST_PAST = 100_000
A_LOOK_BACK = 500


_HELP = """\
Show attempts and their steps as they happen.

From the running daemon; where none answers, from the configured sources; or from the FILEs that are named. With --ssh from logs on
another host, as ssh knows it: of containers (nginx-proxy and coda-mcp where none is named), or of files. When the daemon is started again, what is
shown goes on where it was.

\b
Examples:
  connwatch tail --client claude
  docker logs -f nginx-proxy 2>&1 | connwatch tail --format nginx-proxy -
  connwatch tail access.log coda-mcp:server.log --json
  connwatch tail --ssh tools-droplet --client claude
  connwatch tail --ssh tools-droplet --container proxy --since 1h
  connwatch tail --ssh ops@192.0.2.7 /var/log/nginx/access.log

\b
Exit status: 0 ended as it should; 2 wrong usage or configuration;
3 cannot reach: no daemon, or none of the logs on the other host.
"""


@click.command(short_help="Show attempts and their steps live.", help=_HELP)
@click.argument("files", nargs=-1, metavar="[[FORMAT:]FILE|-]...")
@click.option("--client", "clients", multiple=True, help="Only this client family, or a glob: claude, chatgpt, 'cursor*'. Repeatable.")
@click.option("--server", "servers", multiple=True, help="Only this server's host, or a glob. Repeatable.")
@click.option("--stage", "stages", multiple=True, type=click.Choice([stage.value for stage in Stage]), help="Only steps of this stage. Repeatable.")
@click.option("--outcome", "outcomes", multiple=True, type=click.Choice([one.value for one in Outcome]), help="Only with this outcome. Repeatable.")
@click.option("--since", type=MOMENT, help="Begin with what is known since then: 30m, 2h, 2026-11-23T07:51Z.")
@click.option("--no-follow", is_flag=True, help="Show what there is, at most the latest 500 without --since, and end.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--format", "format_", default="auto", metavar="FORMAT", help="The format of every FILE that has none before it.")
@click.option("--ssh", "host", metavar="HOST", help="Follow logs on this host: nothing need be installed there. FILEs are files there.")
@click.option("--container", "containers", metavar="NAME", multiple=True, help="With --ssh: the log of this container there. Repeatable.")
@click.option("--ssh-config", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="With --ssh: an ssh configuration other than yours.")
@click.option("--listen", "address", metavar="HOST:PORT", help="Where the daemon answers, if not where the configuration says.")
@log_format_option
@config_option
def tail(
    files: Sequence[str],
    clients: Sequence[str],
    servers: Sequence[str],
    stages: Sequence[str],
    outcomes: Sequence[str],
    since: float | None,
    no_follow: bool,
    as_json: bool,
    format_: str,
    host: str | None,
    containers: Sequence[str],
    ssh_config: Path | None,
    address: str | None,
    log_formats: Sequence[str],
    config: Path | None,
) -> int:
    """See _HELP."""
    setup = prepare(config, parse_log_formats(log_formats))
    chosen = Chosen(clients, servers, stages, outcomes, since)
    show = shown_on(screen(), chosen, json=as_json)
    try:
        if host is not None or containers or ssh_config is not None:
            if host is None:
                raise click.UsageError("--container and --ssh-config belong to --ssh HOST")
            if no_follow:
                hint = f"fetch the log: ssh {host} docker logs -t nginx-proxy 2>&1 | connwatch replay -"
                raise click.UsageError(f"--ssh follows; for what there is already, {hint}")
            formats = setup.catalogue.formats
            require_format(format_, setup.catalogue, "--format")
            far = far_sources(host, containers, files, formats=formats, format_=format_, since=since, ssh_config=ssh_config)
            _followed(setup, show, far)
            return 0
        if files:
            _from_files(setup, show, files, format_, since=since, follow=not no_follow)
            return 0
        daemon = daemon_of(setup.settings, address)
        if daemon.answers():
            _from_daemon(daemon, show, chosen, follow=not no_follow)
        elif address is not None or setup.settings is None or not setup.settings.sources:
            hint = "start one with `connwatch run --config FILE`, or name the logs: connwatch tail FILE..."
            raise SourceError(f"no daemon answers at {daemon.address}; {hint}")
        else:
            say(f"no daemon answers at {daemon.address}; following the configured sources directly")
            _from_sources(setup, show, since=since, follow=not no_follow)
    finally:
        show.end()
    return 0


def _from_daemon(daemon: Daemon, show: Show, chosen: Chosen, *, follow: bool) -> None:
    """What is recorded, where it was asked for, then what comes; an attempt that ended between the two is told once."""
    ended: set[str] = set()
    most = MOST_PAST if chosen.since is not None else A_LOOK_BACK if not follow else 1
    attempts, position = daemon.attempts(_asked(chosen), most)
    if chosen.since is not None or not follow:
        for attempt in reversed(attempts):
            kind = "updated" if attempt["open"] else "closed"
            ended.update([] if attempt["open"] else [attempt["id"]])
            show.take({"schema": CHANGE_SCHEMA, "change": kind, "at": attempt["ended_at"], "attempt": attempt})
        if len(attempts) == most:
            show.aside(f"these are the latest {most:,}; `connwatch attempts` lists older ones")
    if not follow:
        return
    for row in daemon.changes(position, say=show.aside):
        if row is None:
            show.tick()
        elif row["change"] in FINAL and row["attempt"]["id"] in ended:
            ended.discard(row["attempt"]["id"])
        else:
            show.take(row)


def _asked(chosen: Chosen) -> list[tuple[str, str]]:
    parts = (("client", chosen.clients), ("server", chosen.servers), ("outcome", chosen.outcomes))
    asked = [(name, one) for name, many in parts for one in many]
    return asked if chosen.since is None else [*asked, ("since", repr(chosen.since))]


def _from_files(setup: Setup, show: Show, files: Sequence[str], format_: str, *, since: float | None, follow: bool) -> None:
    formats = setup.catalogue.formats
    require_format(format_, setup.catalogue, "--format")
    named = [(name, format_ if found == "auto" else found) for name, found in (named_input(one, formats) for one in files)]
    if not follow:
        _replayed(setup, show, [name if found == "auto" else f"{found}:{name}" for name, found in named])
        return
    from connwatch.sources.file import FileSource
    from connwatch.sources.stdin import StdinSource

    sources: list[Source] = []
    for name, found in named:
        if name == "-":
            sources.append(StdinSource(name, format=found))
        else:
            sources.append(FileSource(name, name, format=found, start="end" if since is None else "beginning"))
    _followed(setup, show, sources)


def _from_sources(setup: Setup, show: Show, *, since: float | None, follow: bool) -> None:
    from connwatch.settings.following import FileSource
    from connwatch.sources.table import make_sources

    configured = setup.settings.sources if setup.settings is not None else ()
    if not follow:
        _replayed(setup, show, [f"{one.format}:{one.path}" for one in configured if isinstance(one, FileSource)])
        return
    if since is not None:
        configured = tuple(one.model_copy(update={"start": "beginning"}) if isinstance(one, FileSource) else one for one in configured)
    _followed(setup, show, make_sources(configured))


def _replayed(setup: Setup, show: Show, arguments: Sequence[str]) -> None:
    from connwatch.replayer import replay

    inputs = opened_inputs(arguments, setup.catalogue.formats)
    for changes in replay(setup.engine(), inputs, lateness=setup.lateness, on_problem=lambda error: say(str(error))):
        for change in changes:
            show.take(change_row(change))


def _followed(setup: Setup, show: Show, sources: Sequence[Source]) -> None:
    from connwatch.daemon.recorder import Recorder

    hearing, shown = Hearing(sources, show.aside), Shown(show)
    unreachable = False

    def turn() -> None:
        nonlocal unreachable
        show.tick()
        if hearing.look():
            unreachable = True
            recorder.stop()

    recorder = Recorder(
        setup.engine(live=True, recording=True),
        sources,
        [shown],
        lateness=setup.lateness,
        until_end=True,
        heartbeat=1.0,
        on_turn=turn,
        on_heard=shown.hear,
    )
    with told_aside(show):
        asyncio.run(recorder.run())
    if broken := hearing.broken():
        raise SourceError(broken, transient=unreachable or hearing.look())
