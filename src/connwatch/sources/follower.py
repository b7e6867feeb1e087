"""One growing file, whatever is done to it: rename, copy and truncate, delete and create again. Blocking calls on local files, no clock of its own.

It must not know why it was woken: every `read` looks at the file as it is now. What it rests on:

* Rotation is tested only at the end of the open file, so nothing of the old generation is skipped. The old file stays open for a
  while ("draining"): servers go on writing to it until they are told to reopen. A generation that came and went between two looks is read
  whole, from the name that rotation gave it.
* A shrunken file, or one that no longer holds what was read, was truncated: what its copy still has is read, then its beginning.
  Truncated and written again with the same bytes cannot be told from growth.
* A new file that begins with all that was read of the old one was saved over it: reading goes on where it stood.
* Only whole lines leave. A last piece without a newline waits; when its file is finished or truncated it leaves as a line of its
  own, because gluing it to the next generation would spoil a good line.
* A line longer than `MAX_LINE` is cut there; compressed files are never read as a log: what only they still hold is lost, and told.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

from connwatch.model.errors import SourceError
from connwatch.sources.generation import BLOCK, MAX_LINE, Cursor, Generation, Lost, Piece, after_last_newline, stored, understood
from connwatch.sources.settled import Settled
from connwatch.sources.siblings import COMPRESSED, generations, left_since, moved_away, open_regular, opened

__all__ = ["BLOCK", "MAX_LINE", "Follower", "Lost", "Piece"]

DRAIN_SECONDS, MISSING_SECONDS = 10.0, 60.0
MAX_DRAINING = 8


class Follower:
    """Reads one path for ever. `note` says why nothing can be read at the moment ("" when all is well)."""

    def __init__(self, path: str, *, cursor: str | None = None, at_end: bool = False) -> None:
        self.path = path
        self.note = ""
        self.reopened, self.gaps = Counter[str](), Counter[str]()
        self.lost: list[Lost] = []
        self._current: Generation | None = None
        self._draining: list[Generation] = []
        self._resume = cursor
        self._new = cursor is None  # nobody has looked yet
        self._at_end = at_end and cursor is None
        self._end: int | None = None  # how long the file was when it could not be opened yet
        self._missing_since: float | None = None
        self._since: float | None = None  # when what was read last had been written, while nothing is at the path
        self._refused = False
        self._settled = Settled()

    @property
    def attached(self) -> bool:
        """Whether what is at the path is being read."""
        return self._current is not None and not self._refused

    @property
    def gone(self) -> bool:
        """Whether there is nothing left to read: no file open, and none at the path."""
        return self._current is None and not self._draining and not os.path.lexists(self.path)

    @property
    def cursor(self) -> str | None:
        """Where to go on after what was read so far; None while that is not decided."""
        if self._resume is not None:
            return self._resume
        return None if self._at_end else self._standing()

    @property
    def identities(self) -> list[tuple[int, int]]:
        """Device and inode of every open file."""
        return [one.identity for one in self._open_now()]

    def holds(self, path: str) -> bool:
        """Whether `path` is one of the files open here, under whatever name."""
        try:
            info = Path(path).stat()
        except OSError:
            return False
        return (info.st_dev, info.st_ino) in self.identities

    def read(self, now: float) -> Piece | None:
        """The next whole lines, or None when there are none now. `now` is any steady clock, in seconds."""
        try:
            return self._read(now)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                self.note, self._refused = f"no permission to read {self.path}", True
                return None
            raise SourceError(f"{self.path}: {error.strerror}", transient=True) from error

    def fail(self, note: str) -> None:
        """Let go of every open file because one could not be read; the next `read` tries again where this one stood."""
        self._resume = self.cursor
        self.close()
        self.note = note

    def close(self) -> None:
        """Let go of every open file."""
        for one in self._open_now():
            one.close()
        self._draining, self._current = [], None

    def _open_now(self) -> list[Generation]:
        return [one for one in (*self._draining, self._current) if one]

    def _standing(self) -> str:
        """Where every open generation stands, the oldest first, and what need not be looked at again."""
        places = [one.place() for one in self._open_now()]
        return stored(Cursor(places, self._settled.beside(places)))

    def _read(self, now: float) -> Piece | None:
        if self._current is None:
            self._current = self._open(now)
        for old in list(self._draining):
            while (data := old.take()) == b"":
                pass  # the beginning of a long line
            if data:
                old.drain_until = now + DRAIN_SECONDS
                return Piece(data, self._standing(), True)
            if now >= old.drain_until:
                self._draining.remove(old)
                left = old.finish()
                self._settled.read(old)
                old.close()
                return Piece(left, self._standing(), any(one.more for one in self._open_now()))  # a quiet log has no other news of it
        current = self._current
        if current is None:
            return None
        if current.truncated():
            return self._restart(current, now)
        while (data := current.take()) is not None:
            if data:
                return Piece(data, self._standing(), current.more)
        return self._rotate(current, now)

    def _restart(self, current: Generation, now: float) -> Piece | None:
        """The open file was truncated. What was in it and not read yet may be in the copy that was made before."""
        self.reopened["truncated"] += 1
        place, left = current.place(), b""
        copy = moved_away(self.path, place) if place.offset else None
        if copy is not None:
            self._drain(copy, place.offset, now)
        else:
            self._settled.compressed(self.path, place)
        found = self._drain_between(current.written, now, current)
        if copy is None and not (place.offset == 0 and any(one.begins_with(current.held) for one in found)):
            if current.size > current.seen:
                self._lose("truncated", current.written)
            left = current.finish()
        current.restart()
        return Piece(left, self._standing(), True) if left else self._read(now)

    def _rotate(self, current: Generation, now: float) -> Piece | None:
        """At the end of the open file: is the path another file by now?"""
        try:
            info = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError):
            self.note, self._refused = f"{self.path} was moved or deleted; still reading the open file", False
            self._missing_since = now if self._missing_since is None else self._missing_since
            if self._drain_between(current.written, now, None):
                return self._read(now)
            if now - self._missing_since < MISSING_SECONDS:
                return None
            self._current, self._since, current.drain_until = None, current.written, now
            self._draining.append(current)
            return self._read(now)
        self._missing_since = None
        if (info.st_dev, info.st_ino) == current.identity:
            self.note, self._refused = "", False
            return None
        fresh = self._open(now)
        if fresh is None:
            return None
        try:
            saved_over = current.matches(fresh.fd)
        except OSError:
            fresh.close()
            raise
        self.reopened["rotated"] += 1
        current.drain_until = now + DRAIN_SECONDS
        self._draining.append(current)
        if saved_over:
            fresh.go_to(current.offset)
            current.finish()  # the new file has the unfinished line as well
        else:
            self._drain_between(current.written, now, fresh)
        self._current = fresh
        for old in self._draining[:-MAX_DRAINING]:
            old.drain_until = now
        return self._read(now)

    def _open(self, now: float) -> Generation | None:
        if self._new:
            self._new = not self._settled.pass_over(self.path)  # before it is opened: what is rotated from now on is to be read
        try:
            fd = open_regular(self.path)
        except PermissionError:
            if self._at_end and self._end is None:
                self._end = Path(self.path).stat().st_size
            raise
        if fd is None:
            self.note, self._refused = f"{self.path} does not exist", False
            self._at_end = False  # what appears from now on is new from its first line
            if self._resume is not None and (since := left_since(self.path, self._resume)) is not None:
                self._since = since
                self._resume_in(None, self._resume, now)
                self._resume = None
            elif self._since is not None:
                self._drain_between(self._since, now, None)
            return None
        try:
            generation = Generation(fd)
            if self._resume is not None:
                generation.go_to(self._resume_in(generation, self._resume, now))
            elif self._at_end:
                generation.go_to(after_last_newline(fd, generation.size if self._end is None else min(self._end, generation.size)))
            elif self._since is not None:
                self._drain_between(self._since, now, generation)
        except OSError:
            os.close(fd)
            raise
        self._since = None
        self._resume, self._at_end, self.note, self._missing_since, self._refused = None, False, "", None, False
        return generation

    def _resume_in(self, fresh: Generation | None, cursor: str, now: float) -> int:
        """Where to go on in the file that the path is now, if there is one. Generations that were renamed or copied away are finished first."""
        try:
            known = understood(cursor)
        except ValueError:
            self.gaps["cursor"] += 1
            return 0
        self._settled.add(known.settled)
        places = known.files
        at = self._settled.reached(fresh.fd) if fresh is not None and not places else 0  # one that was away, and is back
        for place in places:
            here = fresh is not None and place.is_in(fresh.fd)
            if here and fresh is not None and place.inode == fresh.identity[1]:
                if not place.offset:
                    continue  # it was empty then: what else it has been since cannot be told from it
                return place.offset  # the last one: what is at the path has not been rotated since
            moved = moved_away(self.path, place)
            if moved is not None:
                inode = os.fstat(moved).st_ino
                further = any(other.inode == inode and other.offset >= place.offset and other.is_in(moved) for other in places)
                if inode == place.inode or not (further or here):
                    self._drain(moved, place.offset, now)
                    continue
                os.close(moved)
                if further:
                    continue  # a copy that was read further than this: its own place says how far
            if place.offset and here:
                at = place.offset  # saved over, or restored from a copy
            elif place.offset and not self._settled.compressed(self.path, place):
                self._lose("rotated-away", place.written)
        if known.since is not None and not at:
            self._drain_between(known.since, now, fresh)
        return at

    def _drain(self, fd: int, offset: int, now: float) -> Generation:
        old = Generation(fd, offset)
        old.drain_until = now + DRAIN_SECONDS
        twin = next((one for one in self._draining if one.identity == old.identity), None)
        if twin is None:
            self._draining.append(old)
            return old
        old.close()  # two places in one copy: the later one has seen more
        if offset > twin.offset and not twin.held:
            twin.go_to(offset)
        return twin

    def _drain_between(self, since: float, now: float, fresh: Generation | None) -> list[Generation]:
        """Generations that came after the one that was last written at `since`, and went before `fresh`, were never looked at."""
        known = {*([fresh.identity] if fresh else []), *self.identities}
        found = []
        for left in generations(self.path):
            if left.identity in known or left.written < since or self._settled.has(left):
                continue
            fd = opened(left)
            if fd is not None and self._settled.has_read(left, fd):
                os.close(fd)
            elif fd is not None:
                old = self._drain(fd, 0, now)  # one that is empty too: a server may still write to it
                found += [old] if left.size else []
            elif left.size and (left.written > since or not left.path.endswith(COMPRESSED)):
                self._settled.lost(left)
                self._lose("rotated-away", since)
        return found

    def _lose(self, reason: str, since: float) -> None:
        self.gaps[reason] += 1
        self.lost.append(Lost(reason, since))
