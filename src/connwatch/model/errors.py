"""Errors that a user can act on. They say what, where, and what to do; nothing here formats for a terminal."""

from __future__ import annotations

__all__ = ["ConfigError", "ConnwatchError", "SourceError"]


class ConnwatchError(Exception):
    """Base of every error that connwatch raises on purpose."""


class ConfigError(ConnwatchError):
    """A configuration or catalogue file is wrong.

    `file` is the path as given (or "environment"), `key` the dotted key ("" when the whole file is meant),
    `hint` one sentence that says what to do.
    """

    def __init__(self, message: str, *, file: str = "", key: str = "", hint: str = "") -> None:
        where = ": ".join(part for part in (file, key) if part)
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text} ({hint})" if hint else text)
        self.message, self.file, self.key, self.hint = message, file, key, hint


class SourceError(ConnwatchError):
    """A source cannot be read. `transient` says whether trying again later can help."""

    def __init__(self, message: str, *, transient: bool = True) -> None:
        super().__init__(message)
        self.transient = transient
