"""Turns what pydantic found into errors a user can act on: file, dotted key, what is wrong, what to do. Must not read anything.

Standard library only, so that commands without a configuration never pay for pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connwatch.model.errors import ConfigError
from connwatch.model.nearest import nearest

__all__ = ["NAME", "SettingsError", "nearest", "problem_of"]

#: What a source or a format may be called.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


#: What must stand there, by the kind of error; other kinds (bounds, lengths) read well as pydantic words them.
_IN_PLAIN_WORDS = {
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "path_type": "must be a path, in quotes",
    "string_type": "must be text, in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "literal_error": "is none of the values that can stand here",
}


class SettingsError(ConfigError):
    """One or more things wrong with a configuration; it reads as the first of them. `problems` holds all."""

    def __init__(self, problems: Sequence[ConfigError]) -> None:
        first = problems[0]
        Exception.__init__(self, "\n".join(map(str, problems)))
        self.message, self.file, self.key, self.hint = first.message, first.file, first.key, first.hint
        self.problems = list(problems)


def problem_of(found: Mapping[str, Any], key: Sequence[str | int], known: Iterable[str], file: str) -> ConfigError:
    """One pydantic error as ours. `key` is the place without pydantic's own marks, `known` the keys that may stand there."""
    dotted = ".".join(map(str, key))
    kind, context = found["type"], found.get("ctx", {})
    known = sorted(known)
    if kind == "extra_forbidden":
        hint = nearest(str(key[-1]), known) or f"known here: {', '.join(known)}"
        return ConfigError("unknown key", file=file, key=dotted, hint=hint)
    if kind == "missing":
        return ConfigError("is missing", file=file, key=dotted, hint="add it")
    if kind == "union_tag_invalid":
        tags = [tag.strip().strip("'") for tag in str(context.get("expected_tags", "")).split(",")]
        hint = nearest(str(context.get("tag", "")), tags) or f"one of {', '.join(tags)}"
        return ConfigError(f'unknown kind "{context.get("tag")}"', file=file, key=f"{dotted}.kind", hint=hint)
    if kind == "union_tag_not_found":
        return ConfigError("is missing", file=file, key=f"{dotted}.kind", hint='say what kind of source it is, as in kind = "file"')
    if kind == "value_error":
        return ConfigError(str(context.get("error", found["msg"])), file=file, key=dotted)
    message = _IN_PLAIN_WORDS.get(kind) or f"{found['msg'][:1].lower()}{found['msg'][1:]}"
    return ConfigError(message, file=file, key=dotted, hint=f"it is {_shown(found.get('input'))} now")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
