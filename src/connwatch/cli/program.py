"""A group of commands that are imported when they are called, and what every command's errors become. Must not know which commands there are.

Exit statuses: 0 fine, 1 something was found, 2 wrong usage or configuration, 3 cannot reach what was asked for, 70 a fault of connwatch itself,
130 interrupted, 141 the reader of standard output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click

from connwatch.cli.console import say, steady_streams
from connwatch.model.errors import ConnwatchError, SourceError

__all__ = ["FAULT", "FOUND", "UNREACHABLE", "USAGE", "Program"]

FOUND: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
FAULT: Final = 70  # EX_SOFTWARE of sysexits.h
_INTERRUPTED: Final = 130  # 128 + SIGINT
_READER_GONE: Final = 141  # 128 + SIGPIPE


class _ReaderGone(Exception):  # noqa: N818 - no error: `| head` is a fine thing to do
    """Nobody reads standard output any more."""


class Program(click.Group):
    """`table` maps a command's name to where it lives ("module:attribute") and its one line of help."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """In the order of the table: what is used first comes first."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in `--help`, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in self.table.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name for one that is misspelt."""
        if args and args[0] not in self.table and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.table, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            raise click.UsageError(f"No such command: {args[0]}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it; a reader of standard output that went away is told apart before click makes a status of its own of it."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise _ReaderGone from error
        return result

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002 - click's signature; errors are always turned into statuses here
        **extra: Any,
    ) -> Any:
        """Runs a command and exits with its status; no error reaches the user as a traceback unless --debug asks for it."""
        steady_streams()
        sys.exit(self._status(args, prog_name or "connwatch", {"complete_var": complete_var, **extra}))

    def _status(self, args: Sequence[str] | None, prog_name: str, extra: Mapping[str, Any]) -> int:
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except (click.Abort, KeyboardInterrupt):
            return _INTERRUPTED
        except SourceError as error:
            say(str(error))
            return UNREACHABLE if error.transient else USAGE
        except ConnwatchError as error:
            say(str(error))
            return USAGE
        except _ReaderGone:
            # The interpreter flushes standard output once more at its end, which must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _READER_GONE
        except Exception as error:  # noqa: BLE001 - the last net: a fault becomes one line, not a traceback
            return _fault(error, args)
        return result if isinstance(result, int) else 0


def _fault(error: Exception, args: Sequence[str] | None) -> int:
    given = list(args if args is not None else sys.argv[1:])
    if os.environ.get("CONNWATCH_DEBUG") or "--debug" in given:
        import traceback

        traceback.print_exception(error)
    else:
        say(
            f"a fault in connwatch, not in your logs: {type(error).__name__}: {error}\n"
            "Please report it with the output of the same command after `connwatch --debug`; remove what is private from it."
        )
    return FAULT
