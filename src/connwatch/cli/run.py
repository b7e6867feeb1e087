"""`connwatch run`: the daemon on the configured sources. Must not know how anything is followed or served."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connwatch.cli.console import say
from connwatch.cli.setup import Setup, config_option, preparing, require_format
from connwatch.model.errors import ConfigError

if TYPE_CHECKING:
    from connwatch.engine import Engine
    from connwatch.settings.models import Settings
    from connwatch.sources.source import Source

__all__ = ["run"]

_UNTIL_RESTART = (("http", "listen"), ("http", "token_file"), ("metrics", "hosts"), ("state", "path"), ("state", "keep_days"), ("state", "max_mb"))

_HELP = """Follow the configured logs, keep the attempts, serve the page and the metrics.

Without a configured source there is nothing to follow: see `connwatch demo`. What was learnt is kept in state.path: after a restart it goes
on where it ended, without losing or repeating anything. SIGHUP reads the configuration again (http.listen, http.token_file, metrics.hosts and
state need a restart); a wrong one changes nothing and says so. SIGTERM stops within five seconds.

Exit status: 0 stopped; 2 wrong configuration or state; 3 the address or the state is in use by another program.

\b
Examples:
  connwatch run --config connwatch.toml
  docker logs -f nginx-proxy 2>&1 | connwatch run --config piped.toml
"""


@click.command(help=_HELP, short_help="Follow the configured logs, keep the attempts, serve the page and metrics.")
@config_option
@click.option("--listen", metavar="HOST:PORT", help="Serve here instead of at http.listen of the configuration.")
def run(config: Path | None, listen: str | None) -> int:
    """Begins again, with a new state, where the old one proves to be damaged: some damage shows only when all is read."""
    prepared = preparing(config)  # before all that takes its time to be imported
    gc.disable()  # until the engine is there: what is loaded stays, and to look through it again and again is a tenth of the start
    import connwatch.engine  # noqa: F401 - now, while the configuration is being checked
    from connwatch.cli.working import log_to_stderr
    from connwatch.store.opening import DamageError

    log_to_stderr()
    try:
        _record(config, listen, prepared)
    except DamageError as damage:
        _record(config, listen, preparing(config), damage=str(damage))
    return 0


def _record(config: Path | None, listen: str | None, prepared: Callable[[], Setup], *, damage: str = "") -> None:
    """Builds everything from the configuration and runs it until it is stopped. `damage`: see `open_state`. Raises DamageError at the start."""
    import asyncio

    from connwatch.cli.alerting import orders_of
    from connwatch.cli.working import causes, listening_to
    from connwatch.daemon.service import Renewed, Service
    from connwatch.settings.token import read_token, warning_of
    from connwatch.store.journal import Journal
    from connwatch.store.keeping import Keep
    from connwatch.store.opening import open_state

    setup, settings, sources = _followed(config, prepared())
    token = read_token(settings.http.token_file) if settings.http.token_file is not None else None
    orders = orders_of(setup)
    plug, address = listening_to(listen or settings.http.listen, token=token is not None)
    with closing(plug), closing(open_state(settings.state.path, damage=damage)) as opened:
        about_token = "" if settings.http.token_file is None else warning_of(settings.http.token_file)
        for note in (opened.note, about_token, *orders.targets.warnings):
            if note:
                say(note)
        journal = Journal(opened, Keep(settings.state.keep_days * 86_400, settings.state.max_mb * 1024 * 1024))

        def engine_of(setup: Setup) -> Engine:
            return setup.engine(live=True, recording=True, key=journal.key)

        def renewed() -> Renewed:
            setup, new, sources = _followed(config, preparing(config)())
            return Renewed(engine_of(setup), sources, setup.lateness, orders_of(setup), _unused(settings, new))

        service = Service(
            engine_of(setup),
            sources,
            journal,
            lateness=setup.lateness,
            token=token,
            hosts=settings.metrics.hosts,
            causes=causes(setup.catalogue),
            renew=renewed,
            orders=orders,
        )

        def ready() -> None:
            say(f"following {', '.join(source.name for source in sources)}; page, API and metrics at http://{address}/")

        asyncio.run(service.run(plug, ready=ready))


def _unused(old: Settings, new: Settings) -> list[str]:
    """The settings that differ, and that a running daemon cannot change."""
    return [f"{table}.{key}" for table, key in _UNTIL_RESTART if getattr(getattr(old, table), key) != getattr(getattr(new, table), key)]


def _followed(config: Path | None, setup: Setup) -> tuple[Setup, Settings, list[Source]]:
    """What the configuration says now, and its sources. Raises ConfigError."""
    from connwatch.sources.table import make_sources

    if setup.settings is None or not setup.settings.sources:
        where = f"{config} names no source" if config is not None else "no configuration was given"
        hint = "`connwatch init` writes one from what it finds; or see how it looks with `connwatch demo`"
        raise ConfigError(where, hint=hint)
    for number, source in enumerate(setup.settings.sources):
        require_format(source.format, setup.catalogue, f"sources.{number}.format")
    return setup, setup.settings, make_sources(setup.settings.sources)
