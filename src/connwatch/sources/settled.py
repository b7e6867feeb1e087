"""Which older generations of a log need no second look. Bounded; knows descriptors and places, not why a file is looked at."""

from __future__ import annotations

import os
from collections import deque

from connwatch.sources.generation import Generation, Place
from connwatch.sources.siblings import Left

__all__ = ["Settled"]

MOST = 256


class Settled:
    """Generations that were read to their end, or told to be lost. An inode alone says little: it may be another file's by now."""

    def __init__(self) -> None:
        self._places: deque[Place] = deque(maxlen=MOST)
        self._as_written: deque[tuple[tuple[int, int], float]] = deque(maxlen=MOST)

    def read(self, generation: Generation) -> None:
        """It was read to its end."""
        self._places.append(generation.place())
        self._as_written.append((generation.identity, os.fstat(generation.fd).st_mtime))

    def lost(self, left: Left) -> None:
        """It was told that it is lost."""
        self._as_written.append((left.identity, left.written))

    def has(self, left: Left) -> bool:
        """Whether this is one of them, not written since."""
        return (left.identity, left.written) in self._as_written

    def has_read(self, left: Left, fd: int) -> bool:
        """Whether what was read of one of them is in this open file."""
        return any(place.inode == left.identity[1] and place.offset and place.is_in(fd) for place in self._places)
