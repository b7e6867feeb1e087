"""Settings from environment variables: `CONNWATCH_HTTP__LISTEN` stands for the key `http.listen`. Must not know which keys exist.

A value is text; where it reads as a JSON list, object, number or truth value it is that, so that lists can be given too. Parts of a list are
named by their place: `CONNWATCH_SOURCES__0__PATH`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connwatch.model.errors import ConfigError

__all__ = ["PREFIX", "RESERVED", "overlay"]

PREFIX = "CONNWATCH_"

#: Variables that speak to the program and are no settings.
RESERVED = frozenset({"CONNWATCH_CONFIG", "CONNWATCH_DEBUG", "CONNWATCH_TARGETS"})


def overlay(document: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[tuple[str | int, ...], str]]:
    """`document` with the environment's settings over it, and which variable set which key. Raises ConfigError."""
    merged: dict[str, Any] = _copied(document)
    origins: dict[tuple[str | int, ...], str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in RESERVED:
            continue
        parts = [part.lower() for part in variable.removeprefix(PREFIX).split("__")]
        if not all(parts):
            raise ConfigError("is no setting", file="environment", key=variable, hint="tables and keys are joined by two underscores")
        origins[_put(merged, parts, _value(environ[variable]), variable)] = variable
    return merged, origins


def _put(document: dict[str, Any], parts: list[str], value: Any, variable: str) -> tuple[str | int, ...]:
    place: Any = document
    key: list[str | int] = []
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        step: str | int = part
        if isinstance(place, list):
            if not part.isdigit() or int(part) >= len(place):
                raise ConfigError(
                    f"the list has {len(place)} entries, and {part!r} is none of them",
                    file="environment", key=variable, hint="count from 0, and only over what the file holds",
                )  # fmt: skip
            step = int(part)
        elif not isinstance(place, dict):
            raise ConfigError(
                f"{'.'.join(map(str, key))} is a value and has no keys", file="environment", key=variable, hint="take off the last part"
            )
        else:
            step = _spelled(place, part)
        key.append(step)
        if following is None:
            place[step] = value
        elif isinstance(place, dict):
            place = place.setdefault(step, {})
        else:
            place = place[int(step)]
    return tuple(key)


def _spelled(table: dict[str, Any], part: str) -> str:
    """The key as the table spells it: names of formats may hold dashes and capitals, variables cannot."""
    return next((key for key in table if key.lower().replace("-", "_").replace(".", "_") == part), part)


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if value is None or isinstance(value, str) else value


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(entry) for key, entry in value.items()}
    return [_copied(entry) for entry in value] if isinstance(value, list) else value
