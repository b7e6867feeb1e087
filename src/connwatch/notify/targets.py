"""Who is told: targets in Apprise's own text form, `tag1,tag2=URL` a line, from a file, a systemd credential or the environment.

A URL holds passwords: no error, no warning and no `repr` here shows any of it but its schema. Must not know how anything is sent; whether
Apprise takes a URL is asked where it is loaded anyway (`connwatch.notify.deliver`).
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from connwatch.alerts.text import Severity, Text
from connwatch.model.errors import ConfigError
from connwatch.model.family import FAMILIES
from connwatch.model.nearest import nearest
from connwatch.settings.problems import NAME

__all__ = ["CREDENTIAL", "VARIABLE", "Target", "Targets", "find_targets", "parse_targets"]

VARIABLE: Final = "CONNWATCH_TARGETS"
CREDENTIAL: Final = "connwatch-targets"

_SEVERITIES: Final[tuple[Severity, ...]] = ("high", "low")
_WORDS: Final = (*_SEVERITIES, *FAMILIES, "server:HOST", "recovery:off", "name:NAME", "heartbeat")
_KNOWN: Final = f"known: {', '.join(_WORDS)}"
_SCHEMA = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}")
_MOST_BYTES: Final = 65_536
_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Target:
    """Where messages go. `place` is the file and line that names it. The rest are what it wants; what is empty asks for nothing."""

    name: str
    url: str = field(repr=False)
    place: str = ""
    severities: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    recoveries: bool = True

    @property
    def schema(self) -> str:
        """The kind of the target, as Apprise calls it: `mailto`, `ntfys`, `tgram`."""
        return self.url.partition("://")[0].lower()

    @property
    def tags(self) -> tuple[str, ...]:
        """What it wants, in the words of the file; empty: everything."""
        servers = (f"server:{host}" for host in self.servers)
        return (*self.severities, *self.families, *servers, *(() if self.recoveries else ("recovery:off",)))

    def wants(self, text: Text) -> bool:
        """Whether a message is for this target: of each kind of tag that it names, one must fit."""
        if text.tone == "success" and not self.recoveries:
            return False
        if self.severities and text.severity not in self.severities:
            return False
        if self.families and not set(self.families) & set(text.clients):
            return False
        return not self.servers or any(fnmatchcase(server.lower(), host) for server in text.servers for host in self.servers)


@dataclass(frozen=True, slots=True)
class Targets:
    """All of them, the URL that hears regularly that connwatch lives ("" for none), and what should be put right though it is no error."""

    targets: tuple[Target, ...] = ()
    heartbeat: str = field(default="", repr=False)
    warnings: tuple[str, ...] = ()


def find_targets(path: Path | None, environ: Mapping[str, str]) -> Targets:
    """The targets of `path` (`alerts.targets_file`; without it the systemd credential `connwatch-targets`, where there is one) and those of
    the variable CONNWATCH_TARGETS. Raises ConfigError.
    """
    lines: list[tuple[str, int, str]] = []
    warnings: list[str] = []
    kept_by_systemd = False
    if path is None and environ.get("CREDENTIALS_DIRECTORY"):
        credential = Path(environ["CREDENTIALS_DIRECTORY"]) / CREDENTIAL
        path = credential if credential.exists() else None
        kept_by_systemd = path is not None
    if path is not None:
        text, warning = _read(path)
        if kept_by_systemd:
            warning = ""  # its folder is closed to others; an access list may show as bits of the group
        lines += [(str(path), number, line) for number, line in enumerate(text.splitlines(), 1)]
        warnings += [warning] if warning else []
    lines += [(VARIABLE, number, line) for number, line in enumerate(environ.get(VARIABLE, "").splitlines(), 1)]
    return _gathered(lines, warnings)


def parse_targets(text: str, file: str) -> Targets:
    """The targets in `text`; `file` is what errors call it. Raises ConfigError."""
    return _gathered([(file, number, line) for number, line in enumerate(text.splitlines(), 1)], ())


def _read(path: Path) -> tuple[str, str]:
    """The file, and a warning or ""."""
    try:
        with path.open("rb") as file:
            mode = path.stat().st_mode
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        # The reason is left out with the error itself: that of a wrong encoding quotes the file.
        raise ConfigError(
            "the targets cannot be read", file=str(path), key="alerts.targets_file", hint="check the path, its permissions, and that it is UTF-8"
        ) from None
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"is larger than {_MOST_BYTES} bytes", file=str(path), key="alerts.targets_file", hint="is it the right file?")
    open_to_others = mode & (stat.S_IRGRP | stat.S_IROTH)
    return text, f"{path}: others than its owner can read the passwords in it (chmod 600 {path})" if open_to_others else ""


def _gathered(lines: Iterable[tuple[str, int, str]], warnings: Iterable[str]) -> Targets:
    targets: list[Target] = []
    heartbeat = ""
    numbers: dict[str, int] = {}
    for file, number, line in lines:
        line = line.strip()  # noqa: PLW2901 - only its ends
        if not line or line.startswith("#"):
            continue
        place = f"{file}:{number}"
        tags, url = _split(line, place)
        if tags == ["heartbeat"]:
            if heartbeat:
                raise ConfigError("a second heartbeat", file=place, hint="one URL can hear that connwatch lives; take one of them away")
            if not url.lower().startswith(("https://", "http://")):
                raise ConfigError("the heartbeat is no web address", file=place, hint="write heartbeat=https://…")
            heartbeat = url
            continue
        targets.append(_target(tags, url, place, numbers))
    _distinct(targets)
    if len(targets) > _MOST:
        raise ConfigError(f"{len(targets)} targets", file=targets[-1].place, hint=f"at most {_MOST} can be told")
    return Targets(tuple(targets), heartbeat, tuple(warnings))


def _split(line: str, place: str) -> tuple[list[str], str]:
    """The tags before a URL, and the URL."""
    before, slashes, _ = line.partition("://")
    if not slashes:
        raise ConfigError("is no target", file=place, hint="a line is URL or TAG,TAG=URL; a URL begins like mailto:// or ntfys://")
    tags, equals, schema = before.rpartition("=")
    if not _SCHEMA.fullmatch(schema.strip()):
        raise ConfigError("the URL does not begin with a schema", file=place, hint="for example mailto:// or ntfys://")
    url = schema.strip() + line[len(before) :]
    return ([tag for tag in re.split(r"[,\s]+", tags) if tag] if equals else []), url


def _target(tags: Iterable[str], url: str, place: str, numbers: dict[str, int]) -> Target:
    schema = url.partition("://")[0].lower()
    numbers[schema] = numbers.get(schema, 0) + 1
    name = f"{schema}-{numbers[schema]}"
    severities: list[str] = []
    families: list[str] = []
    servers: list[str] = []
    recoveries = True
    for number, tag in enumerate(tags, 1):
        kind, colon, value = tag.partition(":")
        if tag in _SEVERITIES:
            severities.append(tag)
        elif tag in FAMILIES:
            families.append(tag)
        elif kind == "server" and value:
            servers.append(value.lower())
        elif kind == "name" and colon:
            if not NAME.fullmatch(value):
                raise ConfigError("that cannot be the name of a target", file=place, hint="letters, digits, dots, dashes, underscores; 64 at most")
            name = value
        elif tag == "recovery:off":
            recoveries = False
        else:
            # The word itself is not shown: in a line that is broken somewhere it may be a part of a URL.
            raise ConfigError(f"tag {number} is no word that is known here", file=place, hint=nearest(tag, _WORDS) or _KNOWN)
    return Target(name, url, place, tuple(severities), tuple(families), tuple(servers), recoveries)


def _distinct(targets: Iterable[Target]) -> None:
    places: dict[str, str] = {}
    for target in targets:
        if target.name in places:
            hint = f"the other one is at {places[target.name]}; give one of them another with name:…"
            raise ConfigError(f"a second target is called {target.name}", file=target.place, hint=hint)
        places[target.name] = target.place
