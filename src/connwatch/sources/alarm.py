"""What wakes a file's reader. An alarm may ring for nothing and may miss a ring: it only saves time, the reader looks for itself.

Choice, with the figures of docs/decisions/0004-waking-the-file-reader.md: on Linux a bare inotify descriptor in the event loop
(0.2 ms from write to read, no cost when idle). `watchfiles`, a reload watcher, holds events back to gather them (54 ms by default, 2 ms
at its quickest and then awake all the time); it serves where there is no inotify. Either is backed by a slow poll in the reader, for
network file systems, bind mounts without events, and links whose target lies elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

__all__ = ["Alarm", "Inotify", "Patient", "Watchfiles", "best_alarm"]

IN_MODIFY, IN_ATTRIB, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200
FILE_MASK = IN_MODIFY | IN_ATTRIB
DIRECTORY_MASK = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE


class Alarm(Protocol):
    """Rings when one of the watched paths may have changed."""

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these files, and their directories for comings and goings. Call again after a reopen: it is cheap."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return at the next ring, or after so many seconds."""
        ...

    async def close(self) -> None:
        """Stop watching; nothing is left behind."""
        ...


class _Bell:
    """A ring that is not lost when nobody waits."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()


class Inotify(_Bell):
    """inotify(7) by ctypes. Needs the running event loop; raises OSError where the kernel grants no (more) instances."""

    def __init__(self) -> None:
        super().__init__()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = int(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._drain)

    def watch(self, paths: Iterable[str]) -> None:
        """See Alarm. A path that cannot be watched is left to the slow poll."""
        for path in paths:
            self._libc.inotify_add_watch(self._fd, os.fsencode(path), FILE_MASK)
            for folder in _folders(path):
                self._libc.inotify_add_watch(self._fd, os.fsencode(folder), DIRECTORY_MASK)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 65536)  # what is left rings again at once
        self.ring()

    async def close(self) -> None:
        """See Alarm."""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


class Watchfiles(_Bell):
    """The `watchfiles` package, for systems without inotify."""

    def __init__(self, step_ms: int = 50) -> None:
        super().__init__()
        self._step_ms = step_ms
        self._folders: set[Path] = set()
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def watch(self, paths: Iterable[str]) -> None:
        """See Alarm."""
        folders = {folder for path in paths for folder in _folders(path) if folder.is_dir()}
        if folders <= self._folders:
            return
        self._stop.set()
        self._stop = asyncio.Event()
        self._folders |= folders
        self._tasks.append(asyncio.get_running_loop().create_task(self._listen(self._stop)))

    async def _listen(self, stop: asyncio.Event) -> None:
        from watchfiles import awatch

        async for _ in awatch(*self._folders, stop_event=stop, step=self._step_ms, debounce=self._step_ms, recursive=False, watch_filter=None):
            self.ring()

    async def close(self) -> None:
        """See Alarm."""
        self._stop.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []


class Patient(_Bell):
    """No events at all: the reader polls, this often at least."""

    def __init__(self, seconds: float = 0.25) -> None:
        super().__init__()
        self._seconds = seconds

    def watch(self, paths: Iterable[str]) -> None:
        """See Alarm: nothing to do."""

    async def wait(self, seconds: float) -> None:
        """See Alarm."""
        await asyncio.sleep(min(seconds, self._seconds))

    async def close(self) -> None:
        """See Alarm: nothing to do."""


def _folders(path: str) -> set[Path]:
    """Where the file is, and where it really is if it is a link."""
    return {Path(path).parent, Path(os.path.realpath(path)).parent}  # Path.resolve raises where links lead in a circle


def best_alarm() -> Alarm:
    """The quickest alarm that this system grants."""
    try:
        return Inotify() if sys.platform == "linux" else Watchfiles()
    except OSError:  # fs.inotify.max_user_instances is used up
        return Patient()
