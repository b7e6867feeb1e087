"""Standard input, as in `docker logs -f nginx-proxy 2>&1 | connwatch tail -`. Best effort: a pipe cannot be resumed.

Pipes, sockets and terminals wake the event loop; a redirected file is simply read. No thread, so nothing outlives cancellation.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import ClassVar

from connwatch.model.errors import ConfigError
from connwatch.sources.source import Batch, SourceStatus

__all__ = ["StdinSource"]

BLOCK = 128 * 1024
QUIET_SECONDS = 1.0
"""A pipe does not say whether more is on its way: after so long without a byte it counts as caught up."""
LONGEST_LINE = 1024 * 1024
"""Bytes of a line that are held back until its end comes; a longer one goes on in pieces."""
BACKLOG_SECONDS = 10.0
"""A pipe that never falls silent counts as past its backlog after this long."""
#: The beginning of a line whose end has not come, by inode. A pipe gives its bytes once, and after a reload another source goes on with it.
_BEGUN: dict[int, bytes] = {}


class StdinSource:
    """Reads a descriptor until it is closed: standard input, if no `fd` is given; raises ConfigError where there is none. See QUIET_SECONDS."""

    kind: ClassVar[str] = "stdin"
    delivery: ClassVar[str] = "best effort: a pipe has no way back, what comes while nobody reads is the writer's to keep"

    def __init__(
        self,
        name: str = "-",
        *,
        format: str = "auto",  # noqa: A002 - the word of the configuration
        fd: int | None = None,
        quiet_seconds: float = QUIET_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        if fd is None and sys.stdin is None:  # Python has none where descriptor 0 is closed, and that number is another file's soon
            raise ConfigError(f"{name}: standard input is closed", hint="pipe a log into this command, or follow something else")
        self.name, self.format = name, format
        self.expected: tuple[str, ...] = (name,)
        self.status = SourceStatus()
        self._fd = fd
        self._quiet, self._now = quiet_seconds, now
        self._backlog_until: float | None = None

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:  # noqa: ARG002 - a pipe has no way back
        """See Source."""
        fd = sys.stdin.fileno() if self._fd is None else self._fd
        self._backlog_until = time.monotonic() + BACKLOG_SECONDS
        if not _can_wait(fd):
            while data := os.read(fd, BLOCK):
                yield self._batch(_lines(fd, data))
                await asyncio.sleep(0)
            if begun := _BEGUN.pop(_inode(fd), b""):
                yield self._batch(begun)
            return
        caught_up = False
        while True:
            try:
                async with asyncio.timeout(None if caught_up else self._quiet):
                    await _readable(fd)
            except TimeoutError:
                caught_up = True
                self._backlog_until = None
                yield Batch(self.name, b"", self._now(), "live")
                continue
            data = os.read(fd, BLOCK)
            if not data:
                if begun := _BEGUN.pop(_inode(fd), b""):
                    yield self._batch(begun)
                return
            caught_up = False
            yield self._batch(_lines(fd, data))

    def _batch(self, data: bytes) -> Batch:
        self.status.bytes += len(data)
        self.status.last_read_at = self._now()
        if self._backlog_until is not None and time.monotonic() > self._backlog_until:
            self._backlog_until = None
        return Batch(self.name, data, self._now() if self._backlog_until is None else None, "catching_up")


def _lines(fd: int, data: bytes) -> bytes:
    """The lines that `data` completes."""
    data = _BEGUN.pop(_inode(fd), b"") + data
    end = data.rfind(b"\n") + 1
    if len(data) - end > LONGEST_LINE:
        return data
    if end < len(data):
        _BEGUN[_inode(fd)] = data[end:]
    return data[:end]


def _inode(fd: int) -> int:
    return os.fstat(fd).st_ino


def _can_wait(fd: int) -> bool:
    """Whether the system tells when there is something to read: epoll takes no regular files."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(fd, lambda: None)
    except PermissionError:
        return False
    loop.remove_reader(fd)
    return True


async def _readable(fd: int) -> None:
    """Return when a read will not block. The reader is registered for one ring only: a second one would announce bytes already taken."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
