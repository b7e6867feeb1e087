"""What rotation leaves beside a log: which files are older generations of it, and which of them one is looking for. Local files, read only.

Must not know readers or cursors. A generation is known by its content wherever that is known, by its name only where it never was read.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from connwatch.model.errors import SourceError
from connwatch.sources.generation import Place, understood

__all__ = ["COMPRESSED", "Absent", "Left", "generations", "held_no_more", "left_since", "logs_of", "moved_away", "open_regular", "opened"]

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


def opened(left: Left) -> int | None:
    """A descriptor of an older generation, or None where it is compressed or cannot be read."""
    if left.path.endswith(COMPRESSED):
        return None
    try:
        return open_regular(left.path)
    except (OSError, SourceError):
        return None


def held_no_more(left: Left, place: Place) -> bool:
    """Whether this is the generation of a place or a copy of it, compressed since, and nothing stood behind the place. Only gzip tells."""
    if not left.path.endswith(".gz") or left.written < place.written or not place.offset:
        return False
    try:
        with Path(left.path).open("rb") as file:
            beginning = zlib.decompressobj(wbits=31).decompress(file.read(4096), place.lengths[0])
            file.seek(-4, os.SEEK_END)  # how long it was, RFC 1952
            return place.begins(beginning) and int.from_bytes(file.read(4), "little") == place.offset % 2**32
    except (OSError, zlib.error):
        return False


def logs_of(name: str) -> list[str]:
    """The names of the logs of which rotation may have made a file of this name, compressed or not."""
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return [name[:at] for at, sign in enumerate(name) if sign in ".-" and _ROTATED.fullmatch(name, at)]


def generations(path: str) -> list[Left]:
    """The older generations of the log that are there by name, the oldest first, compressed ones among them."""
    found = {left.identity: left for base, left in _beside(path) if base in logs_of(Path(left.path).name)}
    return sorted(found.values(), key=lambda one: one.written)


class Absent:
    """Logs that are not at their paths: of which of them has rotation left something? A name is looked at once, however many logs there are."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._logs: dict[str, dict[str, str]] = {}  # by folder and name there
        self._names: dict[str, set[str]] = {}
        self._rotated: set[str] = set()
        for path in paths:
            for home in _homes(path):
                self._logs.setdefault(str(home.parent), {})[home.name] = path

    def rotated(self, there: Container[str]) -> list[str]:
        """Those of which an older generation has come since the last call, and that are not among `there` by now. The first call finds all."""
        for folder, logs in self._logs.items():
            try:
                names = set(os.listdir(folder))  # noqa: PTH208 - names, not paths
            except OSError:
                names = set()  # what is in it is new when it is back
            new = names - self._names.get(folder, set())
            self._names[folder] = names
            self._rotated.update(logs[log] for name in new for log in logs_of(name) if log in logs)
        found = sorted(path for path in self._rotated if path not in there)
        self._rotated.difference_update(found)
        return found


def moved_away(path: str, place: Place) -> int | None:
    """The file, opened, in which this place of the log `path` is found by now; None where it is gone.

    The file itself under another name comes first, then a copy of it. The other name begins with the log's, except where that was a link.
    """
    linked = Path(path).is_symlink()
    beside = [left for base, left in _beside(path) if Path(left.path).name.startswith(base) or (linked and left.identity[1] == place.inode)]
    for left in sorted(beside, key=lambda one: (one.identity[1] != place.inode, -one.written)):
        fd = opened(left)
        if fd is not None and place.is_in(fd):
            return fd
        if fd is not None:
            os.close(fd)
    return None


def left_since(path: str, cursor: str) -> float | None:
    """When what a cursor speaks of was last written, if any of it or anything newer is there though nothing is at the path.

    None: there is nothing. The whole file system may be away for a while, and its files will be found when it is back.
    """
    try:
        where = understood(cursor)
    except ValueError:
        return None
    since = where.since
    if since is None or any(left.written >= since for left in generations(path)):
        return since
    found = [fd for fd in (moved_away(path, place) for place in where.files) if fd is not None]
    for fd in found:
        os.close(fd)
    return since if found else None


def _beside(path: str) -> Iterator[tuple[str, Left]]:
    """The other files where the log is, and where it really is if it is a link; each with the log's name there."""
    for home in _homes(path):
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


def _homes(path: str) -> Iterable[Path]:
    """Where a log is, and where it really is if it is a link."""
    return dict.fromkeys((Path(path), Path(os.path.realpath(path))))  # Path.resolve raises where links lead in a circle
