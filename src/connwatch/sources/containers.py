"""Which containers are meant, what they are called here, and what the engine's events say of them. Pure; it must not know how the engine is asked.

A container's id changes with every re-creation, so it is never its identity: the name is. While compose re-creates a container, the new
one carries the old one's id before its name; that prefix does not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connwatch.model.mark import Mark, What
from connwatch.sources.frames import Restart, nanoseconds

__all__ = ["EVENTS", "FORMAT", "PROJECT", "SERVICE", "Choice", "Facts", "Known", "identity", "mark_of"]

_READABLE = ("json-file", "local")
_LATE = 1_000_000_000
"""In nanoseconds: engines of before 26 note a start some milliseconds after it, so that the run's first line may be older."""
_TEMPORARY = re.compile(r"[0-9a-f]{12}_")
PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
FORMAT = "connwatch.format"
"""The label by which a container says what its log is written in."""
_MARKS: dict[str, What] = {
    "start": "started",
    "stop": "stopped",
    "die": "died",
    "destroy": "removed",
    "pause": "paused",
    "unpause": "resumed",
}
EVENTS = ("create", "rename", *_MARKS)
"""The events to ask for: health checks alone would make three every few seconds that say nothing here."""


def identity(name: str) -> str:
    """What a container is called through all its re-creations."""
    return _TEMPORARY.sub("", name.removeprefix("/"), count=1)


@dataclass(frozen=True, slots=True)
class Known:
    """A container in the engine's list. `created` in whole seconds since the epoch."""

    id: str
    name: str
    created: int

    @classmethod
    def of(cls, listed: Mapping[str, Any]) -> Known:
        """From an entry of the list; links to it from other containers look like names, with a second slash."""
        names = [name for name in listed.get("Names") or () if name.count("/") < 2]
        return cls(str(listed["Id"]), identity(names[0] if names else str(listed["Id"])[:12]), int(listed["Created"]))


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be known of a container to read its log. `rotates_at` is the size of one log file in bytes, None where it never rotates.
    `made` is when it was created, in nanoseconds since the epoch, 0 where that is not told;
    `restart` is when it was last started, None where it never was. `format` is what its label says, "auto" where it has none.
    """

    running: bool
    status: str
    exit_code: int
    run: str
    restart: Restart | None
    made: int
    image: str
    terminal: bool
    driver: str
    rotates_at: int | None
    format: str

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> Facts:
        """From the engine's answer to an inspection."""
        state, config, log = inspected["State"], inspected["Config"], inspected["HostConfig"]["LogConfig"]
        running = state["Status"] in ("running", "paused")
        return cls(
            running=running,
            status=str(state["Status"]),
            exit_code=int(state.get("ExitCode") or 0),
            run=str(state.get("StartedAt") or ""),
            restart=_restart(_at(state.get("StartedAt")), _at(state.get("FinishedAt")) if running else None),
            made=_at(inspected["Created"]) or 0,
            image=str(config.get("Image") or ""),
            terminal=bool(config.get("Tty")),
            driver=str(log.get("Type") or ""),
            rotates_at=_size((log.get("Config") or {}).get("max-size", "20m" if log.get("Type") == "local" else "")),
            format=str((config.get("Labels") or {}).get(FORMAT) or "auto"),
        )


    def unreadable(self, name: str, reason: str) -> str:
        """That the log of this container, called `name`, cannot be read, and what to do about it where that is known."""
        told = f'the log of container "{name}" cannot be read: {reason}'
        if self.driver in _READABLE:
            return told
        return f'{told}; its log driver is "{self.driver}": create it with json-file or local, or follow the file or journal that it writes to'


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to say which containers: a name, a compose project's service, or a label ("key" or "key=value")."""

    container: str | None = None
    project: str | None = None
    service: str | None = None
    label: str | None = None

    def __str__(self) -> str:
        if self.container is not None:
            return f'container "{self.container}"'
        if self.label is not None:
            return f'container with the label "{self.label}"'
        return f'container of the service "{self.service}" in the compose project "{self.project}"'

    def filters(self) -> dict[str, list[str]]:
        """For the engine's list. A name is searched there as a part of names: `means` decides."""
        if self.container is not None:
            return {"name": [re.escape(self.container)]}
        return {"label": [self.label] if self.label is not None else [f"{PROJECT}={self.project}", f"{SERVICE}={self.service}"]}

    def means(self, name: str, attributes: Mapping[str, str] | None = None) -> bool:
        """Whether a container is meant. `attributes`: its labels as an event has them; None where the engine has filtered by them already."""
        if self.container is not None:
            return identity(name) == self.container
        if attributes is None:
            return True
        if self.label is not None:
            key, equals, value = self.label.partition("=")
            return key in attributes and (not equals or attributes[key] == value)
        return attributes.get(PROJECT) == self.project and attributes.get(SERVICE) == self.service


def mark_of(event: Mapping[str, Any], stream: str) -> Mark | None:
    """What an event means for the program behind `stream`; None for one that means nothing."""
    what = _MARKS.get(str(event.get("Action")))
    if what is None:
        return None
    attributes = event["Actor"]["Attributes"]
    detail = f"exit status {attributes['exitCode']}" if what == "died" and "exitCode" in attributes else ""
    if what == "started":
        detail = f"image {attributes['image']}" if "image" in attributes else ""
    return Mark(int(event["timeNano"]) / 1e9, stream, what, detail)


def _at(stamp: object) -> int | None:
    return nanoseconds(f"{stamp} ".encode())


def _restart(began: int | None, ended: int | None) -> Restart | None:
    """`ended` is the end of the run before. Of a container that does not run that is not told: what is told is the end of its last run."""
    return None if began is None else Restart(began - _LATE if ended is None else ended, began)


def _size(text: object) -> int | None:
    match = re.fullmatch(r"(\d+)([kmg]?)b?", str(text).strip().lower())
    return int(match[1]) * 1024 ** " kmg".find(match[2] or " ") if match and int(match[1]) > 0 else None
