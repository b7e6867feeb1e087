"""What every command that reads logs starts from: settings where they were asked for, the catalogue, the engine. Must not know files or output.

A configuration is looked for only where the user named one (--config, CONNWATCH_CONFIG or a CONNWATCH_… setting), and only then is pydantic
imported: reading a log with the defaults must start at once.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from connwatch.model.errors import ConfigError
from connwatch.settings.apart import Apart
from connwatch.settings.environment import PREFIX, RESERVED

if TYPE_CHECKING:
    from connwatch.engine import Engine
    from connwatch.rules.catalogue import Catalogue
    from connwatch.rules.stages import Options
    from connwatch.settings.loader import Documents
    from connwatch.settings.models import Settings

__all__ = ["Setup", "config_option", "log_format_option", "prepare", "preparing", "require_format", "steady_memory"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Setup:
    """The catalogue with the user's entries in it, and the settings, None where none were asked for; `config` is the file that they are of."""

    catalogue: Catalogue
    settings: Settings | None
    config: Path | None = None

    @property
    def lateness(self) -> float:
        """Seconds to wait for lines that are late."""
        return self.settings.engine.lateness_seconds if self.settings is not None else 2.0

    @property
    def state_path(self) -> Path:
        """Where the daemon keeps its state, by the settings or their defaults."""
        from connwatch.settings.models import Settings

        return (self.settings or Settings()).state.path

    def classifier_options(self) -> Options:
        """What the settings say of endpoints, for the rules."""
        from connwatch.model.event import Stage
        from connwatch.rules.stages import Options

        if self.settings is None:
            return Options()
        wanted = self.settings.engine
        return Options(frozenset(wanted.mcp_paths), {path: Stage(stage) for path, stage in wanted.endpoints.items()})

    def engine(self, *, live: bool = False, recording: bool = False, key: bytes = b"") -> Engine:
        """A new engine; `live` where somebody watches while logs grow, `recording` and `key` where a journal is kept."""
        from connwatch.engine import Engine, EngineOptions

        steady_memory()
        if self.settings is None:
            return Engine(self.catalogue, EngineOptions(live=live, recording=recording), key=key)
        wanted = self.settings.engine
        options = EngineOptions(
            max_open=wanted.max_open,
            mcp_paths=wanted.mcp_paths,
            endpoints=wanted.endpoints,
            servers=wanted.servers,
            live=live,
            recording=recording,
        )
        return Engine(self.catalogue, options, key=key)


def steady_memory() -> None:
    """What was loaded at the start stays: keep the collector away from it, and from running too often; it runs from now on.

    One full collection with a million attempts open stops the program for a third of a second.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 20, 100)


def prepare(config: Path | None, log_formats: Mapping[str, Mapping[str, Any]], *, examples: bool = False) -> Setup:
    """Settings and catalogue for one run. `log_formats` are those of the command line; they win. Raises ConfigError."""
    settings = None
    if _is_configured(config):
        from connwatch.settings.settings import load_settings

        settings = load_settings(config, os.environ)
    return _setup(config, settings, log_formats, examples=examples)


def preparing(config: Path | None) -> Callable[[], Setup]:
    """For what keeps running: the same, begun in a process of its own. What is given back waits for it. Raises ConfigError."""
    apart = Apart(config, os.environ) if _is_configured(config) else None

    def wait() -> Setup:
        from connwatch.settings.loader import shipped_documents

        shipped = shipped_documents()  # while the other one is at work
        return _setup(config, None if apart is None else apart.settings(), {}, shipped=shipped)

    return wait


def _is_configured(config: Path | None) -> bool:
    return config is not None or any(name.startswith(PREFIX) and name not in RESERVED for name in os.environ)


def _setup(
    config: Path | None,
    settings: Settings | None,
    log_formats: Mapping[str, Mapping[str, Any]],
    *,
    examples: bool = False,
    shipped: Documents | None = None,
) -> Setup:
    from connwatch.settings.loader import load_catalogue

    named = settings.formats if settings is not None else {}
    own = {name: {key: value for key, value in table if value is not None} for name, table in named.items()}
    formats: dict[str, Mapping[str, Any]] = {**own, **log_formats}
    directory = settings.catalogue.dir if settings is not None else None
    return Setup(load_catalogue(directory, formats or None, examples=examples, shipped=shipped), settings, config)


def require_format(name: str, catalogue: Catalogue, key: str) -> None:
    """Raises ConfigError, about `key`, where there is no log format of this name."""
    if name != "auto" and name not in catalogue.formats:
        raise ConfigError(f"no log format is called {name!r}", key=key, hint=f"known: {', '.join(sorted(catalogue.formats))}")


def config_option(function: _Function) -> _Function:
    """--config, or the variable CONNWATCH_CONFIG."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="CONNWATCH_CONFIG",
        help="Configuration file (also: CONNWATCH_CONFIG). Without it the defaults hold.",
    )(function)


def log_format_option(function: _Function) -> _Function:
    """--log-format, repeatable."""
    return click.option(
        "--log-format",
        "log_formats",
        metavar="NAME='$host …'",
        multiple=True,
        help="An nginx log_format string under a name; use the name as FORMAT. Repeatable.",
    )(function)
