"""Logs that `connwatch tail` follows without a daemon: which ones on another machine (--ssh), and what is said while any cannot be heard.

Must not know how ssh is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from connwatch.cli.console import say

if TYPE_CHECKING:
    from connwatch.sources.source import Source

__all__ = ["Hearing", "far_sources"]

CONTAINERS = ("nginx-proxy", "coda-mcp")
"""What is followed where nothing is named."""
MOMENT_SECONDS = 2.0
"""How long nothing is said of a log that may appear at once."""


def far_sources(
    host: str,
    containers: Sequence[str],
    files: Sequence[str],
    *,
    formats: Collection[str],
    format_: str,
    since: float | None,
    ssh_config: Path | None,
) -> list[Source]:
    """Containers and files (`[FORMAT:]/path`) on `host`. `since` in seconds since the epoch; None: what comes from now on."""
    from connwatch.sources.ssh import SshSource, Wanted

    if host.startswith("-") or not host.strip():
        raise click.BadParameter(f"{host!r} is no host", param_hint="--ssh")
    wanted = [(Wanted("container", name), format_) for name in containers]
    for argument in files:
        word, _, rest = argument.partition(":")
        path, named = (rest, word) if word in formats else (argument, format_)
        if not path.startswith("/"):
            raise click.UsageError(f"{argument}: with --ssh a FILE is a path on {host}, from its root: /var/log/nginx/access.log")
        wanted.append((Wanted("path", path), named))
    if not wanted:
        say(f"following the containers {' and '.join(CONTAINERS)} on {host}; to follow others: --container NAME, or a FILE there")
        wanted = [(Wanted("container", name), format_) for name in CONTAINERS]
    return [
        SshSource(
            one.name,
            host,
            one,
            format=named,
            start="end" if since is None else "beginning",
            since=since or 0.0,
            ssh_config=None if ssh_config is None else str(ssh_config),
            optional=True,  # waiting for a log that does not exist would keep back what the others say
        )
        for one, named in dict(wanted).items()
    ]


class Hearing:
    """What is wrong with the sources, said once each. `look` whenever something may have changed. `now` is a clock that is never set back."""

    def __init__(self, sources: Sequence[Source], say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._sources, self._tell, self._now = sources, say, now
        self._said = {source.name: "" for source in sources}
        self._began = now()

    def look(self) -> bool:
        """Whether none of the sources could be reached, not even one and not even once."""
        if not any(_hopeful(source) for source in self._sources):
            return True
        if any(source.status.attached for source in self._sources):
            self._say_of(self._sources)
        elif self._now() - self._began >= MOMENT_SECONDS:
            self._say_of([source for source in self._sources if _hopeful(source)])
        return False  # what is wrong with one that was given up may be wrong with all, and is then said once, at the end

    def _say_of(self, sources: Sequence[Source]) -> None:
        for source in sources:
            note = source.status.note
            if note and self._said[source.name] != note:
                named = note if note.startswith(f"{source.name} ") else f"{source.name}: {note}"
                self._tell(named if source.status.attached or not _hopeful(source) else f"{named}; waiting for it")
            self._said[source.name] = note

    def broken(self) -> str:
        """What is wrong with those that are down, each reason once; "" when all is well."""
        reasons: dict[str, list[str]] = {}
        for source in self._sources:
            if source.status.state == "down" or not _hopeful(source):
                reasons.setdefault(source.status.note, []).append(source.name)
        return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())


def _hopeful(source: Source) -> bool:
    """Whether it was reached, or was not tried to the end yet."""
    status = source.status
    return status.attached or not status.note or (status.state != "ended" and not status.reopened["failed"])
