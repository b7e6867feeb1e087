"""Settings that a process of its own reads and checks: pydantic and the models are a fifth of what a daemon on two files would hold for ever.

They are checked while this process loads the rest. What comes back are plain values under the same names, which nobody needs to check again.
Where that process does not answer, the settings are read here: it costs memory, and nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from connwatch.model.errors import ConfigError
from connwatch.settings.problems import SettingsError

if TYPE_CHECKING:
    from connwatch.settings.models import Settings

__all__ = ["Apart", "Plain", "main"]

_COMMAND: Final = ("-I", "-m", "connwatch.settings.apart")
_DEADLINE: Final = 60.0


class Plain(SimpleNamespace):
    """A table of settings without its model. Gives its names and values as the model does."""

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        yield from vars(self).items()


class Apart:
    """Begins at once; `settings` waits. `path` and `environ`: see `load_settings`."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path, self._environ = path, dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen([sys.executable, *_COMMAND], stdin=pipe, stdout=pipe, stderr=nothing)  # noqa: S603 - our own module
        except OSError:
            return

    def settings(self) -> Settings:
        """The settings. Raises what `load_settings` raises."""
        answer = self._answer()
        if "settings" in answer:
            return cast("Settings", _plain(answer["settings"]))
        if "problems" in answer:
            problems = [ConfigError(**one) for one in answer["problems"]]
            raise SettingsError(problems) if answer["of_settings"] else problems[0]
        from connwatch.settings.settings import load_settings

        return load_settings(self._path, self._environ)

    def _answer(self) -> dict[str, Any]:
        """What the process says; {} where it does not."""
        if self._process is None:
            return {}
        request = {"path": None if self._path is None else str(self._path), "environ": self._environ}
        try:
            said, _ = self._process.communicate(json.dumps(request).encode(), _DEADLINE)
            answer = json.loads(said)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return {}
        finally:
            self._process.kill()
            self._process.wait()
        return answer if isinstance(answer, dict) else {}


def main() -> None:
    """The process: a request on standard input, an answer on standard output."""
    gc.disable()  # nobody lives here long enough to leave anything behind
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # nobody has any, and to look for them takes an eighth of the time
    from connwatch.settings.settings import load_settings

    request = json.load(sys.stdin)
    path = request["path"]
    answer: dict[str, Any]
    try:
        answer = {"settings": _written(load_settings(None if path is None else Path(path), request["environ"]))}
    except ConfigError as error:
        found = error.problems if isinstance(error, SettingsError) else [error]
        problems = [{"message": one.message, "file": one.file, "key": one.key, "hint": one.hint} for one in found]
        answer = {"problems": problems, "of_settings": isinstance(error, SettingsError)}
    json.dump(answer, sys.stdout)


def _written(value: Any) -> Any:
    """A value of a setting in JSON, with its kind beside it where JSON has none of that kind."""
    from pydantic import BaseModel

    if isinstance(value, BaseModel):
        return {"table": {name: _written(one) for name, one in value}}
    if isinstance(value, dict):
        return {"names": {name: _written(one) for name, one in value.items()}}
    if isinstance(value, tuple):
        return {"row": [_written(one) for one in value]}
    if isinstance(value, list):
        return [_written(one) for one in value]
    if isinstance(value, Path):
        return {"path": str(value)}
    return {"time": value.isoformat()} if isinstance(value, time) else value


def _plain(value: Any) -> Any:
    """What `_written` wrote."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    match kind:
        case "table":
            return Plain(**{name: _plain(one) for name, one in held.items()})
        case "names":
            return {name: _plain(one) for name, one in held.items()}
        case "row":
            return tuple(_plain(one) for one in held)
        case "path":
            return Path(held)
    return time.fromisoformat(held)


if __name__ == "__main__":
    main()
