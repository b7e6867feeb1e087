"""docs/configuration.md from the models of the settings: every table and key, its type, its default, what it means. Must not read a configuration."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from connwatch.settings.environment import RESERVED
from connwatch.settings.following import SourceSettings
from connwatch.settings.models import FormatSettings, MaintenanceSettings, Settings

__all__ = ["configuration"]

HEAD = """\
# Configuration
Written by `make docs` from the program's own models. [`config/connwatch.toml`](../config/connwatch.toml) is an example with every key,
`connwatch init` writes one from what it finds, and `connwatch check --config FILE` says what is wrong with yours. An editor completes keys
with the schema that `connwatch check --schema` prints.

No key is required, except those of the sources that you name. An unknown key is an error, with the nearest known one. A setting can come from
the environment too, which wins over the file: tables and keys are joined by two underscores (`CONNWATCH_HTTP__LISTEN=0.0.0.0:9817`,
`CONNWATCH_SOURCES__0__PATH=/tmp/access.log`), and a value that reads as JSON is that. Relative paths begin where connwatch is started.

Three variables are no settings:
{reserved}."""
VARIABLES = {
    "CONNWATCH_CONFIG": "`CONNWATCH_CONFIG` names the configuration file, as `--config` does",
    "CONNWATCH_TARGETS": "`CONNWATCH_TARGETS` holds targets of alerts, one a line, in place of a file ([alerts](alerts.md))",
    "CONNWATCH_DEBUG": "`CONNWATCH_DEBUG=1` shows a traceback where connwatch itself is at fault",
}
PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", time: "time of day"}
MORE = {
    "sources": "[Sources](sources.md) says what each kind promises.",
    "formats": "[Log formats](formats.md) lists those that need no setting.",
    "alerts": "[Alerts](alerts.md) says what is told, and how to try it.",
    "state": "[State](state.md) says what is kept, and what happens when it cannot be.",
    "http": "[HTTP](http.md) says what is served.",
    "metrics": "[Metrics](metrics.md) lists them, and what a host costs.",
}


def configuration() -> Iterator[str]:
    """The page, line by line."""
    assert set(VARIABLES) == set(RESERVED), "a reserved variable has no words here"
    yield HEAD.format(reserved=";\n".join(VARIABLES[name] for name in sorted(RESERVED)))
    for name, field in Settings.model_fields.items():
        yield from section(name, field)


def section(name: str, field: FieldInfo) -> Iterator[str]:
    """One table of the file."""
    more = f" {MORE[name]}" if name in MORE else ""
    if name == "sources":
        yield f"\n## `[[{name}]]`\n\n{field.description}{more}"
        for kind in typing.get_args(typing.get_args(SourceSettings)[0]):
            (word,) = typing.get_args(kind.model_fields["kind"].annotation)
            yield f'\n### `kind = "{word}"`\n\n{documented(kind)}\n'
            yield from table(kind, skip=("kind",))
    elif name == "formats":
        yield f"\n## `[{name}.NAME]`\n\n{documented(FormatSettings)}{more}\n"
        yield from table(FormatSettings)
    else:
        model = field.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        yield f"\n## `[{name}]`\n\n{documented(model)}{more}\n"
        yield from table(model, skip=("maintenance",))
        if "maintenance" in model.model_fields:
            yield f"\n### `[[{name}.maintenance]]`\n\n{documented(MaintenanceSettings)}\n"
            yield from table(MaintenanceSettings)


def documented(model: type[BaseModel]) -> str:
    """The first line of a model's docstring."""
    return (model.__doc__ or "").strip().splitlines()[0]


def table(model: type[BaseModel], skip: tuple[str, ...] = ()) -> Iterator[str]:
    """Its keys."""
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for key, field in model.model_fields.items():
        if key not in skip:
            default = "**required**" if field.is_required() else shown(field.default)
            yield f"| `{key}` | {cell(kind_of(field.annotation) + bounds(field))} | {default} | {cell(field.description or '')} |"


def cell(text: str) -> str:
    """Text that does not end its cell."""
    return text.replace("|", "\\|")


def kind_of(annotation: Any) -> str:
    """A type in the words of a TOML file."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return kind_of(inside[0])
    if origin is Literal:
        return ", ".join(f'`"{value}"`' for value in inside)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(kind_of(one) for one in inside if one is not type(None))
    if origin is tuple:
        return f"list of {kind_of(inside[0])}"
    if origin is dict:
        return "table"
    return PLAIN[annotation]


def bounds(field: FieldInfo) -> str:
    """What a number has to keep to."""
    words = {"gt": "more than", "ge": "from", "lt": "less than", "le": "to"}
    said = [f"{word} {number(limit)}" for name, word in words.items() for one in field.metadata if (limit := getattr(one, name, None)) is not None]
    return f", {', '.join(said).replace(', to ', ' to ')}" if said else ""


def number(value: float) -> str:
    """14400 for 14400.0, with commas from ten thousand on."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10_000 else f"{value:g}"


def shown(default: object) -> str:
    """A default as a TOML file would have it; nothing where there is none."""
    if default in (None, (), {}, ""):
        return ""
    if isinstance(default, tuple):
        return "all"  # the days of the week: the only list with a default
    return f'`"{default}"`' if isinstance(default, str | Path) else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
