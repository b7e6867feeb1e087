"""Reads a configuration: the TOML file, the environment over it, checked against the models. Must not decide where the file is.

Relative paths in the file mean what they would mean in a shell at the place where the program was started.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from connwatch.model.errors import ConfigError
from connwatch.settings import following
from connwatch.settings.environment import PREFIX, overlay
from connwatch.settings.models import FormatSettings, Settings
from connwatch.settings.problems import SettingsError, problem_of

__all__ = ["load_settings", "schema"]

#: The models of the configuration by their keys: a [[sources]] block by its kind, a [table] by its name.
_SOURCES: dict[str, type[BaseModel]] = {
    get_args(model.model_fields["kind"].annotation)[0]: model for model in get_args(get_args(following.SourceSettings)[0])
}
_TABLES: dict[str, type[BaseModel]] = {
    name: found.annotation
    for name, found in Settings.model_fields.items()
    if isinstance(found.annotation, type) and issubclass(found.annotation, BaseModel)
}


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of the file `path` (None: only defaults) with those of `environ` over them.

    Raises ConfigError for a file that cannot be read, SettingsError with everything that is wrong with its content.
    """
    merged, origins = overlay(_document(path) if path is not None else {}, environ or {})
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        file = str(path) if path is not None else "environment"
        problems = [_problem(found, file, origins) for found in error.errors(include_url=False)]
        raise SettingsError(problems) from error


def schema() -> dict[str, Any]:
    """The JSON Schema of the configuration file, for editors."""
    described = Settings.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described, "title": "connwatch.toml"}


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", file=str(path), hint="correct the syntax there") from error
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8 text", file=str(path), hint="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", file=str(path), hint="check the path and its permissions") from error


def _problem(found: Mapping[str, Any], file: str, origins: Mapping[tuple[str | int, ...], str]) -> ConfigError:
    key = _place(found["loc"])
    variable = next((name for place, name in origins.items() if place == key or key[: len(place)] == place), None)
    if variable is not None:
        return problem_of(found, [variable], _variables(), "environment")
    return problem_of(found, key, _known(key, found), file)


def _place(location: Sequence[str | int]) -> tuple[str | int, ...]:
    """The place in the user's own words: pydantic puts the kind of a source into it, which the file does not have."""
    place: list[str | int] = []
    for index, part in enumerate(location):
        if index == 2 and location[0] == "sources" and part in _SOURCES:
            continue
        if part != "[key]":
            place.append(part)
    return tuple(place)


def _known(key: Sequence[str | int], found: Mapping[str, Any]) -> list[str]:
    """The keys that may stand where the last part of `key` stands."""
    table: type[BaseModel] = Settings
    location = found["loc"]
    if len(location) > 3 and key[0] == "sources":
        table = _SOURCES[location[2]]
    elif len(key) > 2 and key[0] == "formats":
        table = FormatSettings
    elif len(key) > 1 and key[0] in _TABLES:
        table = _TABLES[str(key[0])]
    return [field.alias or name for name, field in table.model_fields.items()]


def _variables() -> list[str]:
    """Every setting that has one value, as the variable that sets it."""
    return [f"{PREFIX}{table}__{name}".upper() for table, model in _TABLES.items() for name in model.model_fields]
