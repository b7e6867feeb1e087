"""A log on another machine, by the system's ssh: a container's, a file's, or a command's output. Nothing is installed over there.

What runs there is in `farcommand.py`, what its output means in `farlog.py` and `farfile.py`, why it failed in `sshtrouble.py`.
A connection that is dead without saying so is noticed by ssh itself, within ten seconds: the keepalives are not left to its
configuration. Everything else about the connection is.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from connwatch.model.errors import SourceError
from connwatch.model.mark import Mark
from connwatch.sources.far import Piece, Reading
from connwatch.sources.farcommand import AGAIN, ssh_command
from connwatch.sources.farfile import FileReading
from connwatch.sources.farlog import CommandReading, ContainerReading
from connwatch.sources.process import Child
from connwatch.sources.source import Batch, Gap, SourceStatus
from connwatch.sources.sshtrouble import REFUSED_SECONDS, Trouble, trouble_of
from connwatch.sources.supervise import FIRST_PAUSE, LONGEST_PAUSE

__all__ = ["SshSource", "Wanted"]

ANSWER_SECONDS = 30.0
"""How long logging in and starting the script may take, jump hosts included."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to follow over there: a container's log, a file's lines or a command's output."""

    kind: Literal["container", "path", "command"]
    name: str

    def __str__(self) -> str:
        return {"container": f"container {self.name}", "path": self.name, "command": "the command"}[self.kind]


class SshSource:
    """Follows `wanted` on `host`. `start` holds where there is no cursor; `since` (seconds since the epoch) asks a container for less than all.

    A container that does not exist is waited for, or, where it is `optional`, ends the stream.
    """

    kind: ClassVar[str] = "ssh"
    delivery: ClassVar[str] = (
        "every line once, as long as the other machine still has it: a container's by its stamps, a file's by its position; "
        "a command's lines that carry no stamp are best effort"
    )

    def __init__(
        self,
        name: str,
        host: str,
        wanted: Wanted,
        *,
        format: str = "auto",  # noqa: A002 - the word of the configuration
        start: Literal["beginning", "end"] = "end",
        since: float = 0.0,
        ssh_config: str | None = None,
        optional: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.format, self.host, self.wanted = name, format, host, wanted
        self.expected: tuple[str, ...] = (name,)
        self.status = SourceStatus()
        self._start, self._since, self._ssh_config, self._now = start, since, ssh_config, now
        self._optional = optional
        self._not_before = 0.0
        self._broken_since: float | None = None

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """See Source."""
        cursor = after.get(self.name)
        await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            reading = self._reading(cursor)
            command = ssh_command(self.host, reading.script(), ssh_config=self._ssh_config)
            child = await Child.start(command, missing="there is no program ssh here: install it (apt-get install openssh-client)")
            try:
                while (pieces := await self._heard(child, reading)) is not None:
                    for piece in pieces:
                        cursor = piece.cursor or cursor
                        yield self._batch(piece, reading)
                for piece in reading.finish():
                    cursor = piece.cursor or cursor
                    yield self._batch(piece, reading)
                status = await child.finish()
            finally:
                child.close()
            if status == AGAIN and reading.again:
                if time.monotonic() - began >= LONGEST_PAUSE:
                    pause = FIRST_PAUSE
                await asyncio.sleep(pause)  # a container that dies as soon as it runs must not become a login every moment
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            if reading.begun:
                self._broken_since = self._now()
            said = [*reading.complaints, *child.last_words]
            trouble = trouble_of(status, said, host=self.host, what=str(self.wanted), begun=reading.begun)
            if trouble.absent and self._optional:
                self.status.note = trouble.text
                return
            raise self._failed(trouble)

    def _reading(self, cursor: str | None) -> Reading:
        marker = f"connwatch-{secrets.token_hex(8)}"
        try:
            return self._made(marker, cursor)
        except (ValueError, KeyError, TypeError):
            self.status.gaps["cursor"] += 1
            return self._made(marker, None)

    def _made(self, marker: str, cursor: str | None) -> Reading:
        if self.wanted.kind == "path":
            return FileReading(marker, self.wanted.name, cursor, at_end=self._start == "end")
        if self.wanted.kind == "container":
            since = None if self._start == "end" else self._since
            return ContainerReading(marker, self.wanted.name, cursor, since=since, passed=self._passed())
        return CommandReading(marker, self.wanted.name, cursor, passed=self._passed())

    def _passed(self) -> Callable[[], float]:
        """Seconds from now on. The steady clock stands while this machine sleeps, the other one may be set back: the larger is right."""
        steady, wall = time.monotonic(), self._now()
        return lambda: max(time.monotonic() - steady, self._now() - wall)

    async def _heard(self, child: Child, reading: Reading) -> list[Piece] | None:
        """What came with the next block, or with a silence; None at the end of the output."""
        patience = reading.quiet_seconds if reading.begun else ANSWER_SECONDS
        try:
            async with asyncio.timeout(patience):
                block = await child.read()
        except TimeoutError:
            if not reading.begun:
                raise SourceError(f"{self.host} did not let us begin within {ANSWER_SECONDS:g} seconds of connecting") from None
            return list(reading.quiet())
        if not block:
            return None
        before = reading.duplicates
        try:
            pieces = list(reading.feed(block))
        except (ValueError, IndexError) as error:
            raise SourceError(f"{self.host} answers otherwise than a POSIX shell would; follow the output of a command there instead") from error
        self.status.duplicates += reading.duplicates - before
        return pieces

    def _batch(self, piece: Piece, reading: Reading) -> Batch:
        now = self._now()
        if piece.note is not None:
            self.status.note = piece.note
        if piece.reopened:
            self.status.reopened[piece.reopened] += 1
        if piece.data:
            self.status.bytes += len(piece.data)
            self.status.last_read_at = now
        gap = self._gap(piece, reading, now)
        marks = (Mark(now, self.name, piece.mark),) if piece.mark is not None else ()
        return Batch(self.name, piece.data, now if piece.state == "live" or not piece.data else None, piece.state, piece.cursor, marks, gap)

    def _gap(self, piece: Piece, reading: Reading, now: float) -> Gap | None:
        reason = piece.gap
        broken, self._broken_since = self._broken_since, None
        if not reason and broken is not None and isinstance(reading, CommandReading) and not reading.resumable:
            reason = "unresumed"
        if not reason:
            return None
        self.status.gaps[reason] += 1
        return Gap(reason, self.status.last_read_at or broken or now, now)

    def _failed(self, trouble: Trouble) -> SourceError:
        if trouble.refused:
            self._not_before = time.monotonic() + REFUSED_SECONDS
        return SourceError(trouble.told)
