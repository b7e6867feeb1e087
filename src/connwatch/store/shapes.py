"""Plain classes as JSON text and back, by their annotations alone. Knows none of our classes, and must not change what it is given.

A value that is its field's default is left out. Reading checks every value: text that is damaged, or of another shape, is a ValueError,
never half an object. Keys that a class does not have are passed over, because a newer program may have written them.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cached_property
from operator import attrgetter
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["Shape"]

_Class = TypeVar("_Class")
_Read = Callable[[Any], Any]
_Write = Callable[[Any], Any]

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Shape(Generic[_Class]):
    """Of a dataclass. What its annotations may be: text, numbers, truth, enumerations, literals, lists, pairs, tables and classes of these.

    They are looked at when the first value is written or read: a daemon with a new state has none while it starts.
    """

    def __init__(self, kind: type[_Class]) -> None:
        assert is_dataclass(kind)  # noqa: S101 - for whoever gives another class
        self._kind = kind

    @cached_property
    def _from(self) -> _Read:
        return _reader(self._kind)

    @cached_property
    def _to(self) -> _Write:
        return _class_writer(self._kind)

    def write(self, value: _Class) -> str:
        """Raises nothing for a value that is what its class says."""
        return _encode(self._to(value))

    def read(self, text: str) -> _Class:
        """What `write` wrote. Raises ValueError."""
        found: _Class = self._from(json.loads(text))
        return found


def _writer(kind: Any) -> _Write | None:
    """How a value becomes what json writes; None where it already is that."""
    if is_dataclass(kind):
        return _class_writer(kind)
    inner = [_writer(one) for one in get_args(kind) if get_origin(kind) is not Literal]
    origin = get_origin(kind)
    if not any(inner):
        return None
    if origin is list:
        (each,) = inner
        return lambda value: [each(one) for one in value]  # type: ignore[misc]
    if origin is dict:
        each = inner[1]
        return lambda value: {key: each(one) for key, one in value.items()}  # type: ignore[misc]
    each = next(one for one in inner if one is not None)
    return lambda value: None if value is None else each(value)


def _class_writer(kind: Any) -> _Write:
    hints = get_type_hints(kind)
    parts = [(one.name, _default(one), _writer(hints[one.name])) for one in fields(kind)]
    values_of = attrgetter(*(name for name, _, _ in parts))

    def write(value: Any) -> dict[str, Any]:
        found = {}
        for (name, default, inner), part in zip(parts, values_of(value), strict=True):
            if part != default:
                found[name] = part if inner is None else inner(part)
        return found

    return write


def _default(field: Any) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _reader(kind: Any) -> _Read:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _one_of({one: one for one in inner})
    if origin in (Union, types.UnionType):
        return _either([_reader(one) for one in inner if one is not types.NoneType], nothing=types.NoneType in inner)
    if origin is list:
        return _list(_as_they_are(inner[0]), _reader(inner[0]))
    if origin is dict:
        return _table(_reader(inner[0]), _as_they_are(inner[1]), _reader(inner[1]))
    if origin is tuple:
        return _row([_reader(one) for one in inner], tuple)
    if is_dataclass(kind):
        return _class_reader(kind)
    if issubclass(kind, Enum):
        return _one_of({one.value: one for one in kind})
    if issubclass(kind, tuple):  # one with names
        return _row([_reader(one) for one in get_type_hints(kind).values()], lambda row: kind(*row))
    return _number if kind is float else _exactly(kind)


def _class_reader(kind: Any) -> _Read:
    hints = get_type_hints(kind)
    parts = {one.name: (_as_they_are(hints[one.name]), _reader(hints[one.name])) for one in fields(kind)}
    needed = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}

    def read(value: Any) -> Any:
        if not isinstance(value, dict) or not needed <= value.keys():
            raise ValueError(f"no {kind.__name__}")
        found = {}
        for name, one in value.items():
            part = parts.get(name)
            if part is not None:
                found[name] = one if type(one) in part[0] else part[1](one)
        return kind(**found)

    return read


def _as_they_are(kind: Any) -> frozenset[type]:
    """The types of which any value that json gives is what `kind` says: most values need no more than this look."""
    if get_origin(kind) in (Union, types.UnionType):
        return frozenset[type]().union(*(_as_they_are(one) for one in get_args(kind)))
    return frozenset({kind}) if kind in (str, int, float, bool, types.NoneType) else frozenset()


def _exactly(kind: type) -> _Read:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"not {kind.__name__}: {type(value).__name__}")
        return value

    return read


def _number(value: Any) -> float:
    if type(value) is not float and type(value) is not int:
        raise ValueError(f"no number: {type(value).__name__}")
    return float(value)


def _one_of(known: Mapping[Any, Any]) -> _Read:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in known:
            raise ValueError("none of the values that can stand there")
        return known[value]

    return read


def _either(readers: list[_Read], *, nothing: bool) -> _Read:
    def read(value: Any) -> Any:
        if nothing and value is None:
            return None
        for one in readers[:-1]:
            try:
                return one(value)
            except ValueError:
                continue
        return readers[-1](value)

    return read


def _list(known: frozenset[type], each: _Read) -> _Read:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError("no list")  # noqa: TRY004 - the text is wrong, not a call
        return [one if type(one) in known else each(one) for one in value]

    return read


def _row(readers: list[_Read], make: Callable[[list[Any]], Any]) -> _Read:
    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            raise ValueError(f"not {len(readers)} values")
        return make([each(one) for each, one in zip(readers, value, strict=True)])

    return read


def _table(key: _Read, known: frozenset[type], each: _Read) -> _Read:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("no table")  # noqa: TRY004 - as above
        return {key(name): one if type(one) in known else each(one) for name, one in value.items()}

    return read
