"""Files that no one writes any more, and standard input until it ends: opened, decompressed, read in blocks of bytes.

Must not know lines, formats or the engine. Every way in which a file can be unusable ends in one SourceError that says
what, where and what to do; damage in the middle of a file comes after everything readable before it.
"""

from __future__ import annotations

import difflib
import errno
import io
import stat
import sys
from pathlib import Path
from typing import Final

from connwatch.model.errors import SourceError
from connwatch.sources.compressed import DAMAGE, Readable, plain_stream

__all__ = ["BLOCK", "STDIN", "Finished"]

#: Bytes read at once: a block and what is made of it stay inside a core's cache, larger ones were measured to be slower.
BLOCK: Final = 128 * 1024

#: The name by which standard input is asked for.
STDIN: Final = "-"


class Finished:
    """One finished input. `name` is the file as the user named it, `format` a format's name or "auto".

    `size` is what the file takes on disk in bytes (None: not known, a pipe), `position` how much of that was read: their
    ratio is how far the input was read, compressed or not. `total` counts the decompressed bytes handed over.
    """

    def __init__(self, name: str, format: str = "auto") -> None:  # noqa: A002 - the word of the domain
        self.name = name
        self.format = format
        self.size: int | None = None
        self.total = 0
        self._below: io.BufferedReader | None = None
        self._stream: Readable | None = None

    def open(self) -> None:
        """Ready to read. Raises SourceError."""
        try:
            self._below = self._standard_input() if self.name == STDIN else self._file(Path(self.name))
            self._stream = plain_stream(self._below, self.name)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            self.close()
            raise _unusable(self.name, error) from error
        except SourceError:
            self.close()
            raise

    def read(self, size: int = BLOCK) -> bytes:
        """The next bytes, at most `size`; empty at the end. Raises SourceError once, after all that could be read."""
        if self._stream is None:
            return b""
        try:
            block = self._stream.read1(size)
        except DAMAGE as error:
            self.close()
            read = f"the {self.total} bytes before the damage were read" if self.total else "nothing could be read"
            raise SourceError(f"{self.name}: the compressed file is damaged or cut short ({error}); {read}", transient=False) from error
        except OSError as error:
            self.close()
            raise _unusable(self.name, error) from error
        self.total += len(block)
        if not block:
            self.close()
        return block

    @property
    def position(self) -> int:
        """Bytes taken from the disk so far."""
        if self._below is None or self.size is None:
            return self.size or 0
        return min(self._below.tell(), self.size)

    def close(self) -> None:
        """Lets go of the file. What was opened by somebody else (standard input) stays open."""
        if self._below is not None and self.name != STDIN:
            self._below.close()
        self._below = self._stream = None

    def _file(self, path: Path) -> io.BufferedReader:
        if path.is_dir():
            raise SourceError(f"{self.name}: is a directory; name the files in it, for example {self.name.rstrip('/')}/*.log", transient=False)
        opened = path.open("rb")
        details = path.stat()
        self.size = details.st_size if stat.S_ISREG(details.st_mode) else None
        return opened

    def _standard_input(self) -> io.BufferedReader:
        if sys.stdin is None:
            raise SourceError("-: standard input is closed; pipe a log into this command", transient=False)
        stream = sys.stdin.buffer
        return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(stream)  # type: ignore[arg-type]


def _unusable(name: str, error: OSError | ValueError) -> SourceError:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT:
        return SourceError(f"{name}: no such file{_nearest(name)}", transient=False)
    if number in (errno.EACCES, errno.EPERM):
        return SourceError(f"{name}: no permission to read it; ask for membership in the group that owns it, or read it with sudo", transient=False)
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SourceError(f"{name}: cannot be read ({reason})", transient=False)


def _nearest(name: str) -> str:
    """A file beside the missing one whose name is nearly the same, as a suggestion."""
    try:
        beside = [entry.name for entry in Path(name).parent.iterdir()]
    except (OSError, ValueError):
        return ""
    close = difflib.get_close_matches(Path(name).name, beside, n=1, cutoff=0.7)
    return f"; did you mean {Path(name).with_name(close[0])}?" if close else ""
