"""`connwatch run`: the daemon on the configured sources. Must not know how anything is followed or served."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from connwatch.cli.console import say
from connwatch.cli.setup import config_option, prepare
from connwatch.cli.working import causes, listening_to, log_to_stderr

__all__ = ["run"]


@click.command(short_help="Follow the configured logs, keep the attempts, serve the page and metrics.")
@config_option
@click.option("--listen", metavar="HOST:PORT", help="Serve here instead of at http.listen of the configuration.")
def run(config: Path | None, listen: str | None) -> int:
    r"""Follow the configured logs, keep the attempts, serve the page and the metrics.

    Without a configured source there is nothing to follow: see `connwatch demo`.

    \b
    Examples:
      connwatch run --config connwatch.toml
      docker logs -f nginx-proxy 2>&1 | connwatch run --config piped.toml
    """
    setup = prepare(config, {})
    if setup.settings is None or not setup.settings.sources:
        where = f"{config} names no source" if config is not None else "no configuration was given"
        say(f"{where}: add a [[sources]] block and run `connwatch run --config FILE`, or see how it looks with `connwatch demo`.")
        return 2
    from connwatch.daemon.service import Service
    from connwatch.settings.token import read_token
    from connwatch.sources.table import make_sources
    from connwatch.store.journal import Journal
    from connwatch.store.keeping import Keep
    from connwatch.store.opening import open_state

    settings = setup.settings
    token = read_token(settings.http.token_file) if settings.http.token_file is not None else None
    sources = make_sources(settings.sources)
    plug, address = listening_to(listen or settings.http.listen, token=token is not None)
    log_to_stderr()
    hosts, known = settings.metrics.hosts, causes(setup.catalogue)
    state = settings.state
    opened = open_state(state.path)
    if opened.note:
        say(opened.note)
    journal = Journal(opened, Keep(state.keep_days * 86_400, state.max_mb * 1024 * 1024))
    engine = setup.engine(live=True, recording=True, key=journal.key)
    service = Service(engine, sources, journal, lateness=setup.lateness, token=token, hosts=hosts, causes=known)

    def ready() -> None:
        say(f"following {', '.join(source.name for source in sources)}; page, API and metrics at http://{address}/")

    asyncio.run(service.run(plug, ready=ready))
    return 0
