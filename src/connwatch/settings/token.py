"""The token that readers of a daemon show, kept in a file because settings and environments are copied about. Never shown, in no message."""

from __future__ import annotations

import stat
from pathlib import Path

from connwatch.model.errors import ConfigError

__all__ = ["read_token", "warning_of"]

SHORTEST_TOKEN = 16


def read_token(path: Path) -> str:
    """The token in the file. Raises ConfigError, without showing any of it."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "the token file cannot be read", file=str(path), key="http.token_file", hint="check the path and its permissions"
        ) from error
    if len(token) < SHORTEST_TOKEN:
        hint = "write a long random one, for example with: openssl rand -hex 32"
        raise ConfigError(f"the token has fewer than {SHORTEST_TOKEN} characters", file=str(path), key="http.token_file", hint=hint)
    return token


def warning_of(path: Path) -> str:
    """What should be put right about the file, though it is no error; "" for nothing."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        return f"{path}: others than its owner can read the token in it (chmod 600 {path})"
    return ""
