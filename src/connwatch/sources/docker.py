"""Containers of an engine as a source. Finding them is in `containerwatch.py`, reading one in `dockerlog.py`.

A container named by its name is one stream, the source's own, whether it exists or not. A service or a label may mean several: each is a
stream "source/name". A stream goes on through restarts and re-creation, because names are what counts and ids are not.

States: an engine that cannot be reached is an error of the source, and the supervisor's matter. A container that stands still is "live",
because its silence is heard; one that does not exist, or whose log cannot be read, is "down". One of several that was removed and does
not come back within a minute has "ended".
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import ClassVar, Literal

from connwatch.sources.containers import Choice
from connwatch.sources.containerwatch import ContainerWatch, Remembered
from connwatch.sources.dockerlink import Link
from connwatch.sources.source import Batch, SourceStatus

__all__ = ["DockerSource"]

WATCH_SECONDS = 10.0


class DockerSource:
    """`host` as in DOCKER_HOST, None for what the environment says. `start`: where to begin in logs that are there at the first look and have
    no cursor; later containers are read whole. `watch_seconds`: how often what is known from events and follows is checked.
    """

    kind: ClassVar[str] = "docker"
    delivery: ClassVar[str] = "every line once while the engine keeps it; what its rotation or a removal took away first is told as a gap"

    def __init__(
        self,
        name: str,
        choice: Choice,
        *,
        host: str | None = None,
        format: str = "auto",  # noqa: A002 - the word of the configuration
        start: Literal["beginning", "end"] = "end",
        watch_seconds: float = WATCH_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.format = name, format
        self.status = SourceStatus()
        self.expected: tuple[str, ...] = (name,) if choice.container is not None else ()
        self._choice, self._host, self._start, self._watch, self._now = choice, host, start, watch_seconds, now
        self._remembered = Remembered()

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """See Source."""
        watch = ContainerWatch(
            self.name,
            self._choice,
            Link(self._host),
            self.status,
            after,
            self._remembered,
            at_end=self._start == "end",
            seconds=self._watch,
            now=self._now,
        )
        try:
            await watch.begin()
            while True:
                yield await watch.next()
        finally:
            await watch.end()
