"""What rotation leaves beside a log: which files are older generations of it, and which of them one is looking for. Local files, read only.

Must not know readers or cursors. A generation is known by its content wherever that is known, by its name only where it never was read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connwatch.model.errors import SourceError
from connwatch.sources.generation import Place

__all__ = ["COMPRESSED", "Left", "generations", "is_generation", "moved_away", "open_regular"]

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4")
#: What logrotate, newsyslog, Docker and their like put behind a name: a number, a date, a date and a time.
_ROTATED = re.compile(r"[.-]\d[\dTZ_.-]*")


class Left(NamedTuple):
    """An older generation: its path, bytes, when it was last written (seconds since the epoch), device and inode."""

    path: str
    size: int
    written: float
    identity: tuple[int, int]


def open_regular(path: str) -> int | None:
    """A descriptor, or None where there is no file. Raises OSError, and SourceError for what is no file of bytes."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # without O_NONBLOCK a FIFO would block here
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SourceError(f"{path} is not a regular file", transient=False)
    return fd


def is_generation(name: str, of: str) -> bool:
    """Whether a file of this name is what rotation makes of the log `of`, compressed or not."""
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name.startswith(of) and _ROTATED.fullmatch(name, len(of)) is not None


def generations(path: str) -> list[Left]:
    """The older generations of the log that are there by name, the oldest first, compressed ones among them."""
    found = {left.identity: left for base, left in _beside(path) if is_generation(Path(left.path).name, base)}
    return sorted(found.values(), key=lambda one: one.written)


def moved_away(path: str, place: Place) -> int | None:
    """The file, opened, in which this place of the log `path` is found by now; None where it is gone.

    The file itself under another name comes first, then a copy of it. The other name begins with the log's, except where that was a link.
    """
    linked = Path(path).is_symlink()
    beside = [left for base, left in _beside(path) if Path(left.path).name.startswith(base) or (linked and left.identity[1] == place.inode)]
    for left in sorted(beside, key=lambda one: (one.identity[1] != place.inode, -one.written)):
        if left.path.endswith(COMPRESSED):
            continue
        try:
            fd = open_regular(left.path)
        except (OSError, SourceError):  # one that cannot be read is not found, and that is counted
            continue
        if fd is not None and place.is_in(fd):
            return fd
        if fd is not None:
            os.close(fd)
    return None


def _beside(path: str) -> Iterator[tuple[str, Left]]:
    """The other files where the log is, and where it really is if it is a link; each with the log's name there."""
    for home in dict.fromkeys((Path(path), Path(os.path.realpath(path)))):  # Path.resolve raises where links lead in a circle
        try:
            entries = list(os.scandir(home.parent))
        except OSError:
            continue
        for entry in entries:
            try:
                info = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISREG(info.st_mode) and entry.name != home.name:
                yield home.name, Left(entry.path, info.st_size, info.st_mtime, (info.st_dev, info.st_ino))
