"""Which kinds of source there are, and how each is made from its settings. A new kind is one file and one line here.

A kind is imported when a source of it is configured: what a daemon on two files never uses shall cost it neither time nor memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from connwatch.sources.source import Source

if TYPE_CHECKING:
    from connwatch.settings import following

__all__ = ["SOURCES", "make_sources"]

Clock = Callable[[], float]


def _file(settings: following.FileSource, now: Clock) -> Source:
    from connwatch.sources.file import FileSource

    return FileSource(settings.name, str(settings.path), format=settings.format, start=settings.start, now=now)


def _stdin(settings: following.StdinSource, now: Clock) -> Source:
    from connwatch.sources.stdin import StdinSource

    return StdinSource(settings.name, format=settings.format, now=now)


def _docker(settings: following.DockerSource, now: Clock) -> Source:
    from connwatch.sources.containers import Choice
    from connwatch.sources.docker import DockerSource

    choice = Choice(settings.container, settings.project, settings.service, settings.label)
    return DockerSource(settings.name, choice, host=settings.host, format=settings.format, start=settings.start, now=now)


def _ssh(settings: following.SshSource, now: Clock) -> Source:
    from connwatch.sources.ssh import SshSource, Wanted

    wanted = next(Wanted(kind, str(name)) for kind in ("container", "path", "command") if (name := getattr(settings, kind)) is not None)
    config = None if settings.ssh_config is None else str(settings.ssh_config)
    return SshSource(settings.name, settings.host, wanted, format=settings.format, start=settings.start, ssh_config=config, now=now)


def _journald(settings: following.JournaldSource, now: Clock) -> Source:
    from connwatch.sources.journald import JournaldSource

    directory = None if settings.directory is None else str(settings.directory)
    return JournaldSource(settings.name, settings.unit, format=settings.format, start=settings.start, directory=directory, now=now)


SOURCES: dict[str, Callable[[Any, Clock], Source]] = {
    "file": _file,
    "stdin": _stdin,
    "docker": _docker,
    "ssh": _ssh,
    "journald": _journald,
}


def make_sources(settings: Sequence[following.SourceSettings], now: Clock = time.time) -> list[Source]:
    """The configured sources, not yet started."""
    return [SOURCES[one.kind](one, now) for one in settings]
