"""Which field of a structured log line holds what: a TOML table, checked once, then read for every line.

    [fields]
    method = "req.method"                                   # a dotted path
    target = ["req.originalUrl", "req.url"]                 # alternatives: the first that is there
    duration = { from = "responseTime", unit = "millis" }   # seconds, millis, micros, nanos
    [keys]                                                  # further values, by a name of `named.NAMES`
    mcp-session-id = "req.headers.mcp-session-id"

A path also finds a flat field whose name has dots in it, the first of a list, and a header in small or in title case where the
part before it ends in "headers" or "header". Knows no log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connwatch.model.errors import ConfigError
from connwatch.model.nearest import nearest
from connwatch.model.record import Role
from connwatch.parse.named import NAMES
from connwatch.parse.units import UNITS

__all__ = ["FIELDS", "Field", "FieldMap", "compile_fields", "find"]

#: What a field may be. `target` is a path with its query, or a whole URL.
FIELDS = frozenset(
    [
        "at",
        "method",
        "target",
        "path",
        "query",
        "host",
        "address",
        "agent",
        "status",
        "size",
        "duration",
        "referer",
        "upstream",
        "authorization",
        "headers",
        "level",
        "message",
    ]
)
_TABLE_KEYS = frozenset({"id", "title", "kind", "role", "rank", "note", "fields", "keys", "when", "begins", "example"})


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value stands: alternatives, each as its dotted name and its parts. `unit` is "" where none is given."""

    paths: tuple[tuple[str, tuple[str, ...]], ...]
    unit: str = ""

    def of(self, record: Mapping[str, object]) -> object:
        """The first alternative that is there, or None."""
        for name, parts in self.paths:
            value = find(record, name, parts)
            if value is not None:
                return value
        return None


@dataclass(frozen=True, slots=True)
class FieldMap:
    """A checked table. `begins`: a line is written when a request begins, so it has no status. `when` must all be there."""

    role: Role
    fields: Mapping[str, Field]
    keys: Mapping[str, Field]
    when: tuple[Field, ...]
    equals: tuple[tuple[Field, str], ...]
    begins: bool

    def takes(self, record: Mapping[str, object]) -> bool:
        """Whether a line looks like this format, for recognition."""
        return all(field.of(record) is not None for field in self.when) and all(field.of(record) == value for field, value in self.equals)


def find(record: Mapping[str, object], name: str, parts: tuple[str, ...]) -> object:
    """The value at a dotted path, None where there is none. Of a list the first element counts."""
    if name in record:
        return _first(record[name])
    here: object = record
    for part in parts:
        if not isinstance(here, dict):
            return None
        here = here.get(part)
        if here is None:
            return None
        if isinstance(here, list):
            here = _first(here)
    return here


def _first(value: object) -> object:
    return (value[0] if value else None) if isinstance(value, list) else value


def _spellings(path: str) -> list[str]:
    """A path as given and with its last part as Go and HTTP/2 spell header names: `User-Agent` and `user-agent` are one."""
    front, dot, last = path.rpartition(".")
    return (
        list(dict.fromkeys((path, f"{front}{dot}{last.lower()}", f"{front}{dot}{last.title()}"))) if front.endswith(("header", "headers")) else [path]
    )


def compile_fields(name: str, table: Mapping[str, object]) -> FieldMap:
    """The map that a TOML table describes. Raises ConfigError with the key and what to do."""
    _known(name, table, _TABLE_KEYS, "")
    role = table.get("role", "app")
    if role not in ("app", "proxy"):
        raise ConfigError(f"role {role!r} is not known", key=f"formats.{name}.role", hint='use "app" or "proxy"')
    fields = _section(name, table, "fields")
    _known(name, fields, FIELDS, "fields.")
    keys = _section(name, table, "keys")
    _known(name, keys, frozenset(NAMES), "keys.")
    when = _section(name, table, "when")
    _known(name, when, frozenset({"has", "equals"}), "when.")
    equals = when.get("equals", {})
    if not isinstance(equals, Mapping):
        raise ConfigError("must be a table of paths and values", key=f"formats.{name}.when.equals")
    if "method" not in fields or not ({"target", "path"} & set(fields)):
        raise ConfigError(
            "method and target (or path) are needed", key=f"formats.{name}.fields", hint='for example method = "req.method", target = "req.url"'
        )
    has = when.get("has", [])
    return FieldMap(
        role=role,
        fields={each: _field(f"formats.{name}.fields.{each}", value) for each, value in fields.items()},
        keys={each: _field(f"formats.{name}.keys.{each}", value) for each, value in keys.items()},
        when=tuple(_field(f"formats.{name}.when.has", each) for each in (has if isinstance(has, list) else [has])),
        equals=tuple((_field(f"formats.{name}.when.equals.{each}", each), str(value)) for each, value in equals.items()),
        begins=table.get("begins") is True,
    )


def _section(name: str, table: Mapping[str, object], section: str) -> Mapping[str, object]:
    value = table.get(section, {})
    if not isinstance(value, Mapping):
        raise ConfigError("must be a table", key=f"formats.{name}.{section}")
    return value


def _known(name: str, table: Mapping[str, object], known: frozenset[str], prefix: str) -> None:
    for key in table:
        if key not in known:
            hint = nearest(key, known) or f"known: {', '.join(sorted(known))}"
            raise ConfigError("unknown key", key=f"formats.{name}.{prefix}{key}", hint=hint)


def _field(key: str, value: object) -> Field:
    unit = ""
    if isinstance(value, Mapping):
        unit = str(value.get("unit", ""))
        value = value.get("from")
        if unit not in UNITS:
            raise ConfigError(f"unit {unit!r} is not known", key=key, hint=f"use one of {', '.join(UNITS)}")
    paths = [value] if isinstance(value, str) else value
    if not isinstance(paths, list) or not paths or not all(isinstance(path, str) and path for path in paths):
        raise ConfigError("must be a dotted path, a list of them, or { from = ..., unit = ... }", key=key)
    spelt = [each for path in paths for each in _spellings(path)]
    return Field(tuple((path, tuple(path.split("."))) for path in spelt), unit)
