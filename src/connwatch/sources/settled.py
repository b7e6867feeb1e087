"""Which older generations of a log need no second look. Bounded; knows descriptors and places, not why a file is looked at."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from connwatch.sources.generation import Generation, Place
from connwatch.sources.siblings import Left, generations, held_no_more, opened

__all__ = ["Settled"]

MOST = 256
MOST_STORED, MOST_WRITTEN = 32, 4


class Settled:
    """Generations that were read to their end, told to be lost, or there before the first look. An inode alone may be another file's by now."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, float], Place] = {}
        self._last: list[Place] = []
        self._newest = -math.inf

    def add(self, places: Iterable[Place]) -> None:
        """They are done with up to these places."""
        for place in places:
            key = place.inode, place.written
            self._places.pop(key, None)
            self._places[key] = place
            if len(self._places) > MOST:
                del self._places[next(iter(self._places))]
        self._last = [place for place in self._places.values() if place.offset][-MOST_WRITTEN:]
        self._newest = max((place.written for place in self._places.values()), default=-math.inf)

    def read(self, generation: Generation) -> None:
        """It was read to its end."""
        self.add([replace(generation.place(), written=os.fstat(generation.fd).st_mtime)])

    def lost(self, left: Left) -> None:
        """It was told that it is lost."""
        self.add([Place(left.identity[1], 0, (0, 0), "", "", left.written)])

    def compressed(self, path: str, place: Place) -> bool:
        """Whether the generation of a place cannot be read any more because it was compressed, and held no more: then it is done with."""
        found = any(held_no_more(left, place) for left in generations(path))
        if found:
            self.add([place])
        return found

    def pass_over(self, path: str) -> bool:
        """What rotation has left of the log before anybody looked is not for this reader. False where there is no log yet. Raises OSError."""
        try:
            info = Path(path).stat()  # the log may be a link to what looks like a generation of it
        except OSError:
            return False
        for left in generations(path):
            if left.identity == (info.st_dev, info.st_ino):
                continue
            fd = opened(left)
            if fd is None:
                self.lost(left)
                continue
            try:
                self.read(Generation(fd, os.fstat(fd).st_size))
            finally:
                os.close(fd)
        return True

    def has(self, left: Left) -> bool:
        """Whether this is one of them, not written since; it may have been compressed."""
        return (left.identity[1], left.written) in self._places or any(held_no_more(left, place) for place in self._places.values())

    def has_read(self, left: Left, fd: int) -> bool:
        """Whether what was read of one of them is in this open file."""
        return left.identity[1] == os.fstat(fd).st_ino and self.reached(fd) > 0

    def reached(self, fd: int) -> int:
        """How far an open file was read, if it is one of them; otherwise 0."""
        inode = os.fstat(fd).st_ino
        return max((place.offset for place in self._places.values() if place.inode == inode and place.offset and place.is_in(fd)), default=0)

    def beside(self, files: Sequence[Place]) -> list[Place]:
        """Those that whoever resumes in `files` would take for new ones; and the last ones, which a server that was never told may go on writing."""
        since = max((place.written for place in files), default=-math.inf)
        if since > self._newest:
            return self._last
        newer = [place for place in self._places.values() if place.written >= since][-MOST_STORED:]
        return [*(place for place in self._last if place not in newer), *newer]
