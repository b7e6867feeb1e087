"""Recognises compressed input by its first bytes, so that a rotated log reads like any other. Must not know what is inside.

A name proves nothing (`access.log.1` may be gzip, standard input has no name), the first bytes do.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Final, Protocol

from connwatch.model.errors import SourceError

__all__ = ["DAMAGE", "Readable", "plain_stream"]

#: What the decompressors raise when the file was cut short or is damaged.
DAMAGE: Final = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)

_LONGEST_MAGIC: Final = 6


class Readable(Protocol):
    """The one verb that is needed: whatever is there, at most `size` bytes, nothing only at the end."""

    def read1(self, size: int = -1, /) -> bytes:
        """At most `size` bytes from at most one read below; what was decoded before damage is handed over before the error."""


def _gzip(stream: IO[bytes]) -> Readable:
    return gzip.GzipFile(fileobj=stream, mode="rb")


def _bzip2(stream: IO[bytes]) -> Readable:
    return bz2.BZ2File(stream, "rb")


def _xz(stream: IO[bytes]) -> Readable:
    return lzma.LZMAFile(stream, "rb")


_OPENERS: Final[dict[bytes, Callable[[IO[bytes]], Readable]]] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bzip2,
    b"\xfd7zXZ\x00": _xz,
}

#: Kinds that Python's standard library cannot read here, and how to bring them in.
_ELSEWHERE: Final[dict[bytes, str]] = {
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"PK\x03\x04": "unzip -p",
}


def plain_stream(stream: io.BufferedReader, name: str) -> Readable:
    """`stream`, decompressed where its first bytes call for it. Raises SourceError for a kind that cannot be read."""
    start = stream.peek(_LONGEST_MAGIC)[:_LONGEST_MAGIC]
    for magic, tool in _ELSEWHERE.items():
        if start.startswith(magic):
            raise SourceError(f"{name}: compressed in a way that is not read directly; try: {tool} {name} | connwatch replay -", transient=False)
    for magic, opener in _OPENERS.items():
        if start.startswith(magic):
            return opener(stream)
    return stream
