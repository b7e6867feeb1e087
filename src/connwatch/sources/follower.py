"""One growing file, whatever is done to it: rename, copy and truncate, delete and create again. Blocking calls on local files, no clock of its own.

It must not know why it was woken: every `read` looks at the file as it is now. What it rests on:

* Rotation is tested only at the end of the open file, so nothing of the old generation is skipped. The old file stays open for a
  while ("draining"): servers go on writing to it until they are told to reopen.
* A shrunken file, or one whose first bytes have changed, was truncated: reading restarts at its beginning. Truncated and grown again to
  the same first bytes cannot be told from growth.
* Only whole lines leave. A last piece without a newline waits; when its file is finished or truncated it leaves as a line of its
  own, because gluing it to the next generation would spoil a good line.
* A line longer than `MAX_LINE` is cut there and its rest skipped: memory stays bounded and the line still counts as one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from connwatch.model.errors import SourceError

__all__ = ["BLOCK", "MAX_LINE", "Follower", "Piece"]

BLOCK = 128 * 1024
MAX_LINE = 1024 * 1024
HEAD = 256
DRAIN_SECONDS = 10.0
MAX_DRAINING = 4
MISSING_SECONDS = 60.0


@dataclass(slots=True)
class Piece:
    """Whole lines, and the cursor after them. `more` means that the file already holds further bytes."""

    data: bytes
    cursor: str
    more: bool


class _Open:
    """One open generation of the file."""

    def __init__(self, fd: int, offset: int) -> None:
        self.fd, self.offset = fd, offset
        info = os.fstat(fd)
        self.identity = (info.st_dev, info.st_ino)
        self.head = os.pread(fd, HEAD, 0)
        self.held = b""
        self.skipping = False
        self.drain_until: float | None = None

    def truncated(self) -> bool:
        if os.fstat(self.fd).st_size < self.offset + len(self.held):
            return True
        now = os.pread(self.fd, HEAD, 0)
        changed = not now.startswith(self.head)
        self.head = now
        return changed

    def restart(self) -> bytes:
        """Go back to the beginning. Returns the unfinished line that is given up, closed by a newline."""
        left = self.finish()
        self.offset, self.head = 0, os.pread(self.fd, HEAD, 0)
        return left

    def finish(self) -> bytes:
        left = b"" if self.skipping or not self.held else self.held + b"\n"
        self.held, self.skipping = b"", False
        return left

    def take(self) -> bytes | None:
        """The next whole lines; b"" when bytes came but no line ended; None when nothing came."""
        raw = os.pread(self.fd, BLOCK, self.offset + len(self.held))
        if not raw:
            return None
        if not self.held and not self.skipping and raw.startswith(b"\0"):
            self._pass_hole(raw)
            return b""
        cut = raw.rfind(b"\n") + 1
        if self.skipping:
            end = raw.find(b"\n") + 1
            if not end:
                self.offset += len(raw)
                return b""
            self.skipping = False
            self.offset += end
            raw, cut = raw[end:], cut - end
        if not cut:
            self.held += raw
            if len(self.held) < MAX_LINE:
                return b""
            data, self.offset = self.held + b"\n", self.offset + len(self.held)
            self.held, self.skipping = b"", True
            return data
        data = self.held + raw[:cut]
        self.offset += len(data)
        self.held = raw[cut:]
        return data

    def _pass_hole(self, raw: bytes) -> None:
        """A writer that does not append leaves zeros where the truncated text was, usually as a hole without blocks."""
        text = len(raw) - len(raw.lstrip(b"\0"))
        self.offset += text
        if text == len(raw):
            with contextlib.suppress(OSError):
                self.offset = max(self.offset, os.lseek(self.fd, self.offset, os.SEEK_DATA))

    def more(self) -> bool:
        """Whether the file holds bytes that were not read yet."""
        return os.fstat(self.fd).st_size > self.offset + len(self.held)


class Follower:
    """Reads one path for ever. `note` says why nothing can be read at the moment ("" when all is well)."""

    def __init__(self, path: str, *, cursor: str | None = None, at_end: bool = False) -> None:
        self.path = path
        self.note = ""
        self.reopened: Counter[str] = Counter()
        self.gaps: Counter[str] = Counter()
        self._current: _Open | None = None
        self._draining: list[_Open] = []
        self._resume = cursor
        self._at_end = at_end and cursor is None
        self._missing_since: float | None = None

    @property
    def attached(self) -> bool:
        """Whether a file is open."""
        return self._current is not None

    @property
    def gone(self) -> bool:
        """Whether there is nothing left to read: no file open, and none at the path."""
        return self._current is None and not self._draining and not Path(self.path).exists()

    def holds(self, path: str) -> bool:
        """Whether `path` is one of the files open here, under whatever name."""
        info = Path(path).stat()
        return (info.st_dev, info.st_ino) in [one.identity for one in (self._current, *self._draining) if one]

    def read(self, now: float) -> Piece | None:
        """The next whole lines, or None when there are none now. `now` is any steady clock, in seconds."""
        try:
            return self._read(now)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                self.note = f"no permission to read {self.path}"
                return None
            raise SourceError(f"{self.path}: {error.strerror}", transient=True) from error

    def close(self) -> None:
        """Let go of every open file."""
        for one in (*self._draining, *((self._current,) if self._current else ())):
            os.close(one.fd)
        self._draining, self._current = [], None

    def _read(self, now: float) -> Piece | None:
        current = self._current = self._current or self._open()
        for old in list(self._draining):
            data = old.take()
            if data:
                return Piece(data, self._cursor(), True)
            if data is None and old.drain_until is not None and now >= old.drain_until:
                self._draining.remove(old)
                left = old.finish()
                os.close(old.fd)
                if left:
                    return Piece(left, self._cursor(), True)
        if current is None:
            return None
        if current.truncated():
            self.reopened["truncated"] += 1
            left = current.restart()
            if left:
                return Piece(left, self._cursor(), True)
        while (data := current.take()) is not None:
            if data:
                return Piece(data, self._cursor(), current.more())
        return self._rotate(current, now)

    def _rotate(self, current: _Open, now: float) -> Piece | None:
        """At the end of the open file: is the path another file by now?"""
        try:
            info = Path(self.path).stat()
        except FileNotFoundError:
            self.note = f"{self.path} was moved or deleted; still reading the open file"
            self._missing_since = now if self._missing_since is None else self._missing_since
            if now - self._missing_since >= MISSING_SECONDS:
                self._current = None
                current.drain_until = now
                self._draining.append(current)
                return self._read(now)
            return None
        self._missing_since = None
        if (info.st_dev, info.st_ino) == current.identity:
            self.note = ""
            return None
        fresh = self._open()
        if fresh is None:
            return None
        self.reopened["rotated"] += 1
        current.drain_until = now + DRAIN_SECONDS
        self._draining.append(current)
        self._current = fresh
        if len(self._draining) > MAX_DRAINING:
            os.close(self._draining.pop(0).fd)
        return self._read(now)

    def _open(self) -> _Open | None:
        fd = _open_regular(self.path)
        if fd is None:
            self.note = f"{self.path} does not exist"
            self._at_end = False  # what appears from now on is new from its first line
            return None
        offset = 0
        if self._resume is not None:
            offset = self._resume_in(fd, self._resume)
        elif self._at_end:
            offset = _after_last_newline(fd)
        self._resume, self._at_end, self.note, self._missing_since = None, False, "", None
        return _Open(fd, offset)

    def _resume_in(self, fd: int, cursor: str) -> int:
        """Where to go on in the file that the path is now. Generations that were renamed or copied away meanwhile are finished first."""
        try:
            saved = [(bytes.fromhex(one["head"]), int(one["offset"])) for one in json.loads(cursor)["files"]]
        except (ValueError, KeyError, TypeError):
            self.gaps["cursor"] += 1
            return 0
        at = 0
        for head, offset in saved:
            if not offset:
                continue
            if _continues(fd, head, offset):
                at = offset
            elif (old := self._moved_away(head, offset)) is not None:
                generation = _Open(old, offset)
                generation.drain_until = 0.0
                self._draining.append(generation)
            else:
                self.gaps["rotated-away"] += 1
        return at

    def _moved_away(self, head: bytes, offset: int) -> int | None:
        folder, name = Path(self.path).parent, Path(self.path).name
        for sibling in sorted(one for one in folder.iterdir() if one.name.startswith(name) and one.name != name and one.is_file()):
            fd = _open_regular(str(sibling))
            if fd is not None and _continues(fd, head, offset):
                return fd
            if fd is not None:
                os.close(fd)
        return None

    def _cursor(self) -> str:
        """Where every open generation stands, the oldest first, in terms that survive renaming: by their first bytes."""
        files = [{"head": one.head[: one.offset].hex(), "offset": one.offset} for one in (*self._draining, self._current) if one]
        return json.dumps({"files": files})


def _open_regular(path: str) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # without O_NONBLOCK a FIFO would block here
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SourceError(f"{path} is not a regular file", transient=False)
    return fd


def _continues(fd: int, head: bytes, offset: int) -> bool:
    return os.fstat(fd).st_size >= offset and os.pread(fd, len(head), 0) == head


def _after_last_newline(fd: int) -> int:
    """Start at the end, but not inside a line that is still being written."""
    size = os.fstat(fd).st_size
    start = max(0, size - MAX_LINE)
    cut = os.pread(fd, size - start, start).rfind(b"\n")
    return start + cut + 1 if cut >= 0 else (0 if start == 0 else size)
