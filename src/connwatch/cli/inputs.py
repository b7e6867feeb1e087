"""The files that a command was given: `FILE` or `FORMAT:FILE`, opened, with a message for each that cannot be used. Must not know the engine."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import click

from connwatch.cli.console import say
from connwatch.model.errors import SourceError
from connwatch.model.nearest import nearest
from connwatch.settings.problems import NAME
from connwatch.sources.finished import STDIN, Finished

__all__ = ["named_input", "opened_inputs", "parse_log_formats"]

AUTO = "auto"


def named_input(argument: str, formats: Collection[str]) -> tuple[str, str]:
    """(file, format) of one argument.

    A file that exists as it is named wins, whatever colons are in it. Otherwise a known format before the first colon is the format. A word that
    is no known format, before a file that exists, is a mistake worth a suggestion; anything else is the name of a file.
    """
    if argument == STDIN or _exists(argument):
        return argument, AUTO
    word, colon, rest = argument.partition(":")
    if not colon or not rest:
        return argument, AUTO
    if word == AUTO or word in formats:
        return rest, word
    if NAME.fullmatch(word) is not None and (rest == STDIN or _exists(rest)):
        hint = nearest(word, formats) or f"known formats: {', '.join(sorted(formats))}"
        raise click.UsageError(f"{argument}: no log format is called {word!r}; {hint}")
    return argument, AUTO


def opened_inputs(arguments: Iterable[str], formats: Collection[str]) -> list[Finished]:
    """The inputs that can be read, opened. Those that cannot are told of on standard error; none left is a usage error.

    One file named twice is read once.
    """
    usable: dict[str, Finished] = {}
    for argument in arguments:
        name, format_ = named_input(argument, formats)
        if name in usable:
            say(f"{name}: named twice, read once")
            continue
        source = Finished(name, format_)
        try:
            source.open()
        except SourceError as error:
            say(str(error))
            continue
        if source.size == 0:
            say(f"{name}: is empty")
        usable[name] = source
    if not usable:
        raise SourceError("nothing to read: none of the named files can be used", transient=False)
    return list(usable.values())


def parse_log_formats(definitions: Iterable[str]) -> dict[str, dict[str, str]]:
    """`NAME=$host …` options as format tables."""
    tables: dict[str, dict[str, str]] = {}
    for definition in definitions:
        name, equals, log_format = definition.partition("=")
        if not equals or NAME.fullmatch(name) is None or name == AUTO or not log_format.strip():
            raise click.BadParameter(
                f"{definition!r} is not NAME='$host $remote_addr …' (a name of letters, digits, dots, dashes, underscores)", param_hint="--log-format"
            )
        tables[name] = {"kind": "log_format", "log_format": log_format}
    return tables


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
