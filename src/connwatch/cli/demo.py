"""`connwatch demo`: a recorded stream, played live through files, sources, engine, metrics, page and terminal. Needs no configuration."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from connwatch.cli.console import say, screen
from connwatch.cli.setup import Setup, prepare
from connwatch.cli.telling import Chosen
from connwatch.cli.watching import Show, Shown, shown_on
from connwatch.cli.working import causes, listening_to, log_to_stderr

if TYPE_CHECKING:
    import socket

    from connwatch.daemon.played import PlayedClock
    from connwatch.daemon.service import Service

__all__ = ["demo"]

LOGS = ("nginx-proxy", "coda-mcp")


_HELP = """Play seventeen minutes of two logs as if they happened now: good attempts, and attempts that stop in four different ways.

\b
Examples:
  connwatch demo
  connwatch demo --speed 60 --serve
"""


@click.command(help=_HELP, short_help="Play a recorded stream live, with no configuration.")
@click.option("--speed", type=click.FloatRange(0.1, 10_000), default=10.0, show_default=True, help="How many times as fast as it happened.")
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:9817", show_default=True, help="Where the page and the metrics are served meanwhile."
)
@click.option("--serve", is_flag=True, help="Go on serving after the last line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a change.")
def demo(speed: float, listen: str, serve: bool, as_json: bool) -> int:
    """Plays, and watches what it plays."""
    from connwatch.daemon.played import PlayedClock, recorded

    setup = prepare(None, {})
    plug, address = listening_to(listen, token=False)
    entries = recorded()
    clock = PlayedClock(entries[-1].after, speed)
    show = shown_on(screen(), Chosen(), json=as_json, now=clock.now)
    say(f"playing {entries[-1].after / 60:.0f} minutes of two generated logs, {speed:g} times as fast as they would happen")
    say(f"look at http://{address}/ (the page) and http://{address}/metrics; here, what happens:")
    log_to_stderr()
    with ExitStack() as stack:
        stack.callback(show.end)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="connwatch-demo-")))
        asyncio.run(_play(_service(setup, folder, clock, show), plug, folder, clock, serve=serve, address=address))
    return 0


def _service(setup: Setup, folder: Path, clock: PlayedClock, show: Show) -> Service:
    from connwatch.daemon.service import Service
    from connwatch.sources.file import FileSource
    from connwatch.store.journal import Journal
    from connwatch.store.opening import in_memory

    for log in LOGS:
        (folder / f"{log}.log").touch()
    journal = Journal(in_memory())
    sources = [FileSource(log, str(folder / f"{log}.log"), start="beginning", now=clock.now) for log in LOGS]
    return Service(
        setup.engine(live=True, recording=True, key=journal.key),
        sources,
        journal,
        lateness=max(setup.lateness, clock.speed / 10),  # reading takes its time on the wall, whatever the played time does
        now=clock.now,
        pace=clock.speed,
        causes=causes(setup.catalogue),
        sinks=[Shown(show)],
    )


async def _play(service: Service, plug: socket.socket, folder: Path, clock: PlayedClock, *, serve: bool, address: str) -> None:
    from connwatch.daemon.played import play, recorded

    async def played() -> None:
        written = await play(recorded(), clock, folder, LOGS)
        if serve:
            say(f"that was the stream; still serving http://{address}/ (end it with Ctrl-C)")
            return
        while sum(source.status.bytes for source in service.sources) < written:  # noqa: ASYNC110 - a file's reader rings no bell
            await asyncio.sleep(0.02)
        service.recorder.end()

    playing = asyncio.create_task(played())
    try:
        await service.run(plug)
    finally:
        playing.cancel()
