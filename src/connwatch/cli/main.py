"""The program: which commands there are. Imports none of them: `connwatch --help` must answer at once."""

from __future__ import annotations

import click

from connwatch.cli.program import Program

__all__ = ["cli", "main"]

_COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("connwatch.cli.init:init", "Look around, and write a configuration that follows what is there."),
    "demo": ("connwatch.cli.demo:demo", "Play a recorded stream live, with no configuration."),
    "replay": ("connwatch.cli.replay:replay", "Put the attempts in finished logs together again."),
    "report": ("connwatch.cli.report:report", "Write the troubleshooting document of one attempt."),
    "explain": ("connwatch.cli.explain:explain", "Say how a log line is read, and what is redacted."),
    "check": ("connwatch.cli.check:check", "Check the configuration, the catalogue and what your log formats hide."),
    "run": ("connwatch.cli.run:run", "Follow the configured logs, keep the attempts, serve the page and metrics."),
    "attempts": ("connwatch.cli.attempts:attempts", "List the attempts that the daemon has recorded."),
    "show": ("connwatch.cli.show:show", "Draw one recorded attempt, with what happened around it."),
    "sources": ("connwatch.cli.sources:sources", "Show what is followed, and how that goes."),
    "alerts": ("connwatch.cli.alerts:alerts", "Show what goes wrong now; --preview: what would have been told."),
    "notifications": ("connwatch.cli.notifications:notifications", "List what people were told, and what not, with reasons."),
    "silence": ("connwatch.cli.silence:silence", "Tell nobody of something for a while."),
    "notify": ("connwatch.cli.notify:notify", "List who is told, and send a test message."),
    "tail": ("connwatch.cli.tail:tail", "Show attempts and their steps live."),
}

_HELP = """A flight recorder for remote MCP connectors.

connwatch reads the logs of your proxy and of your MCP server, puts every connector attempt together again, and says which client
tried, how far it got, where it stopped, why, and what to do.

\b
Examples:
  connwatch demo
  connwatch replay access.log coda-mcp.log
  connwatch replay access.log.1.gz --attempt 7f3c
  docker logs -t nginx-proxy 2>&1 | connwatch replay -

\b
Exit status: 0 fine; 1 something was found (an attempt that did not
connect, a failed check); 2 wrong usage or configuration; 3 cannot reach.

\b
Shell completion (bash; for zsh and fish put zsh_source or fish_source):
  eval "$(_CONNWATCH_COMPLETE=bash_source connwatch)"
"""


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from connwatch import __version__

        click.echo(f"connwatch {__version__}")
        ctx.exit()


@click.group(cls=Program, table=_COMMANDS, help=_HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and exit.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback where connwatch itself is at fault.")
def cli() -> None:
    """The group; its help is `_HELP`."""


def main() -> None:
    """The entry point of the installed program."""
    cli()
