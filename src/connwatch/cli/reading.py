"""Reads the named logs to their end through an engine and hands over each attempt when it is final. Must not know how it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from connwatch.cli.console import say
from connwatch.cli.inputs import opened_inputs, parse_log_formats
from connwatch.cli.progress import Progress
from connwatch.cli.setup import Setup, prepare
from connwatch.model.attempt import Attempt
from connwatch.model.change import Closed, Evicted
from connwatch.model.errors import SourceError
from connwatch.replayer import Player, replay
from connwatch.sources.finished import Finished

__all__ = ["attempts_of", "ready"]


def ready(arguments: Sequence[str], config: Path | None, log_formats: Sequence[str]) -> tuple[Setup, list[Finished]]:
    """The setup and the opened inputs of a command line. Raises ConfigError, SourceError, click's usage errors."""
    setup = prepare(config, parse_log_formats(log_formats))
    return setup, opened_inputs(arguments, setup.catalogue.formats)


def attempts_of(engine: Player, inputs: Sequence[Finished], lateness: float) -> Iterator[Attempt]:
    """Every attempt of the inputs, each once, in the order in which they became final."""
    with Progress(inputs) as progress:

        def broken(error: SourceError) -> None:
            progress.clear()
            say(str(error))

        for changes in replay(engine, inputs, lateness=lateness, on_problem=broken, on_block=progress):
            for change in changes:
                if isinstance(change, Closed | Evicted):
                    yield change.attempt
