"""One open generation of a growing file: its whole lines one after the other, and a place in it that is found again under any name.

Must not know paths, nor why the file was renamed, copied or truncated. A place is told by digests of what stands before it, so that what
is stored of a log holds none of its text.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["BLOCK", "MAX_LINE", "Cursor", "Generation", "Lost", "Piece", "Place", "after_last_newline", "stored", "understood"]

BLOCK = 128 * 1024
MAX_LINE = 1024 * 1024
HEAD = 256
TAIL = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where a generation stands. `head` and `tail` are digests of its first bytes and of those just before `offset`, so many as `lengths` says.

    `written` is when the file had last been written as far as it was read, in seconds since the epoch.
    """

    inode: int
    offset: int
    lengths: tuple[int, int]
    head: str
    tail: str
    written: float

    def is_in(self, fd: int) -> bool:
        """Whether the open file holds, up to the offset, what was read. Of which nothing was read yet is known by its inode alone."""
        first, last = self.lengths
        if not self.offset:
            return os.fstat(fd).st_ino == self.inode
        if os.fstat(fd).st_size < self.offset:
            return False
        return self.begins(os.pread(fd, first, 0)) and _digest(os.pread(fd, last, self.offset - last)) == self.tail

    def begins(self, text: bytes) -> bool:
        """Whether the file begins with this, as far as is known of it."""
        return _digest(text) == self.head


@dataclass(frozen=True, slots=True)
class Lost:
    """Lines that were there and cannot be read any more. `since` is when the last one was written that was read, in seconds since the epoch."""

    reason: str
    since: float


@dataclass(slots=True)
class Piece:
    """Whole lines, and the cursor after them. `more` means that there are further bytes already."""

    data: bytes
    cursor: str
    more: bool


class Cursor(NamedTuple):
    """`files` are the places in the generations that were open, the oldest first; `settled` those in generations that need no second look."""

    files: list[Place]
    settled: list[Place]

    @property
    def since(self) -> float | None:
        """What was written later (seconds since the epoch) was never looked at. None: nothing was ever looked at."""
        return max((place.written for place in self.files or self.settled), default=None)


def stored(cursor: Cursor) -> str:
    """A cursor as text."""
    files = ", ".join(_text(place) for place in cursor.files)
    if not cursor.settled:
        return f'{{"files": [{files}]}}'
    return f'{{"files": [{files}], "settled": [{", ".join(_settled_text(place) for place in cursor.settled)}]}}'


def _text(place: Place) -> str:
    return json.dumps({name: getattr(place, name) for name in Place.__slots__})


_settled_text = functools.lru_cache(1024)(_text)  # they are the same in every cursor


def understood(text: str) -> Cursor:
    """The cursor that `stored` has written, this one or that of an earlier version. Raises ValueError for anything else."""
    try:
        found = json.loads(text)
        return Cursor([_place(one) for one in found["files"]], [_place(one) for one in found.get("settled", ())])
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("not places in files") from error


def _place(saved: dict[str, Any]) -> Place:
    numbers = saved["inode"], saved["offset"], *saved["lengths"]
    if len(numbers) != 4 or not all(type(one) is int and one >= 0 for one in numbers) or max(numbers[2:]) > saved["offset"]:
        raise ValueError("not a place in a file")
    return Place(saved["inode"], saved["offset"], (numbers[2], numbers[3]), str(saved["head"]), str(saved["tail"]), float(saved["written"]))


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=12).hexdigest()


class Generation:
    """An open descriptor, which this owns, and how far it was read. `size` and `written` are the file's as they were last seen.

    `drain_until`: when a generation that is no longer at the path has been waited for long enough, on the reader's clock.
    """

    def __init__(self, fd: int, offset: int = 0) -> None:
        self.fd, self.offset = fd, offset
        info = os.fstat(fd)
        self.identity = (info.st_dev, info.st_ino)
        self.size, self.written = info.st_size, info.st_mtime
        self.held = b""
        self.drain_until = 0.0
        self._skipping = False
        self._head = os.pread(fd, HEAD, 0)
        self._tail = b""
        self.go_to(offset)

    @property
    def seen(self) -> int:
        """How many bytes were read, those of an unfinished line among them."""
        return self.offset + len(self.held)

    @property
    def more(self) -> bool:
        """Whether the file holds bytes that were not read yet."""
        return os.fstat(self.fd).st_size > self.seen

    def place(self) -> Place:
        """Where it stands, behind the last line that left."""
        head = self._head[: self.offset]
        lengths = (len(head), len(self._tail))
        return Place(self.identity[1], self.offset, lengths, _digest(head), _digest(self._tail), self.written)

    def go_to(self, offset: int) -> None:
        """Go on behind so many bytes, which have been read by somebody."""
        self.offset = offset
        self._tail = os.pread(self.fd, min(TAIL, offset), offset - min(TAIL, offset))

    def truncated(self) -> bool:
        """Whether the file no longer holds what was read of it. Otherwise what is known of it is brought up to date."""
        info = os.fstat(self.fd)
        head = os.pread(self.fd, HEAD, 0)
        if info.st_size < self.seen or not head.startswith(self._head):
            return True
        if os.pread(self.fd, len(self._tail), self.offset - len(self._tail)) != self._tail:
            return True
        self._head, self.size, self.written = head, info.st_size, info.st_mtime
        return False

    def restart(self) -> None:
        """Go back to the beginning of a file that was truncated."""
        self.finish()
        info = os.fstat(self.fd)
        self.offset, self.size, self.written = 0, info.st_size, info.st_mtime
        self._head, self._tail = os.pread(self.fd, HEAD, 0), b""

    def finish(self) -> bytes:
        """The unfinished line that is given up, closed by a newline: what follows must not be glued to it."""
        left = b"" if self._skipping or not self.held else self.held + b"\n"
        self._pass(self.held)
        self.held, self._skipping = b"", False
        return left

    def take(self) -> bytes | None:
        """The next whole lines; b"" when bytes came but no line ended; None when nothing came."""
        raw = os.pread(self.fd, BLOCK, self.seen)
        if not raw:
            return None
        if not self.held and not self._skipping and raw.startswith(b"\0"):
            self._pass_hole(raw)
            return b""
        if self._skipping:
            end = raw.find(b"\n") + 1
            self._pass(raw[:end] if end else raw)
            self._skipping = not end
            if not end:
                return b""
            raw = raw[end:]
        cut = raw.rfind(b"\n") + 1
        if not cut:
            self.held += raw
            if len(self.held) < MAX_LINE:
                return b""
            data = self.held + b"\n"
            self._pass(self.held)
            self.held, self._skipping = b"", True
            return data
        data = self.held + raw[:cut]
        self._pass(data)
        self.held = raw[cut:]
        return data

    def matches(self, other: int) -> bool:
        """Whether another open file begins with all that was read here, and that is more than a greeting which every generation prints."""
        if self.seen < HEAD or os.fstat(other).st_size < self.seen:
            return False
        return all(
            os.pread(self.fd, min(BLOCK, self.seen - at), at) == os.pread(other, min(BLOCK, self.seen - at), at) for at in range(0, self.seen, BLOCK)
        )

    def begins_with(self, text: bytes) -> bool:
        """Whether these are its first bytes."""
        return os.pread(self.fd, len(text), 0) == text

    def close(self) -> None:
        """Let go of the descriptor."""
        os.close(self.fd)

    def _pass(self, read: bytes) -> None:
        self.offset += len(read)
        self._tail = (self._tail + read[-TAIL:])[-TAIL:]

    def _pass_hole(self, raw: bytes) -> None:
        """A writer that does not append leaves zeros where the truncated text was, usually as a hole without blocks."""
        zeros = len(raw) - len(raw.lstrip(b"\0"))
        self._pass(raw[:zeros])
        if zeros == len(raw):
            with contextlib.suppress(OSError):
                self.offset = max(self.offset, os.lseek(self.fd, self.offset, os.SEEK_DATA))


def after_last_newline(fd: int, size: int) -> int:
    """Start behind so many bytes, but not inside a line that is still being written."""
    start = max(0, size - MAX_LINE)
    cut = os.pread(fd, size - start, start).rfind(b"\n")
    return start + cut + 1 if cut >= 0 else (0 if start == 0 else size)
