"""A file on another machine, as the script of `farcommand.file_script` tells of it. Pure; knows neither ssh nor processes.

The script copies what has grown and says which generation of the file it is and where in it the copy begins. A position is therefore
exact through renaming, and through copying and truncation as long as the copy can be found beside the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import ClassVar

from connwatch.model.errors import SourceError
from connwatch.sources.far import Frames, Piece
from connwatch.sources.farcommand import file_script
from connwatch.sources.process import Lines

__all__ = ["FileReading"]


class FileReading:
    """See Reading. Raises ValueError for a cursor that is none. Without one it begins at the end of the file, or at its beginning.

    `feed` raises SourceError where less came than the script thinks it copied: a next run begins after what came.
    """

    quiet_seconds: float | None = None
    duplicates = 0
    again = False
    complaints: ClassVar[list[str]] = []

    def __init__(self, marker: str, path: str, cursor: str | None, *, at_end: bool) -> None:
        self.path = path
        self._marker, self._at_end = marker, at_end
        self._after = _read_cursor(cursor) if cursor is not None else None
        self._inode, self._began, self._sampled, self._sum, inside = self._after or ("0", 0, 0, "0", False)
        self._frames, self._lines = Frames(marker, eager=False), Lines(skipping=inside)  # they begin at `_began` in the file
        self._passed = 0  # lines that end before this position were there at the start
        self._live = False

    @property
    def begun(self) -> bool:
        """See Reading."""
        return self._frames.begun

    def script(self) -> str:
        """See Reading."""
        after = [str(part) for part in self._after[:4]] if self._after is not None else None
        return file_script(self._marker, self.path, after, at_end=self._at_end)

    def feed(self, block: bytes) -> Iterator[Piece]:
        """See Reading."""
        for frame in self._frames.feed(block):
            if isinstance(frame, bytes):
                yield from self._took(frame)
            elif frame:
                yield from self._told(frame[0], frame[1:])

    def quiet(self) -> Iterator[Piece]:
        """See Reading."""
        return iter(())

    def finish(self) -> Iterator[Piece]:
        """See Reading. A line that has no end yet is left for the next run, which begins before it."""
        yield from self._took(self._frames.finish())

    @property
    def _offset(self) -> int:
        """The position after the last line that left, or within one that was cut."""
        return self._began + self._lines.taken

    def _took(self, data: bytes) -> Iterator[Piece]:
        before = self._offset
        whole = self._lines.feed(data)
        if before < self._passed:
            whole = whole[whole.rfind(b"\n", 0, self._passed - before) + 1 :]
        if self._offset != before:
            yield self._piece(whole)

    def _told(self, word: str, about: list[str]) -> Iterator[Piece]:
        if word == "wait":
            yield Piece(state="down", note=f"{self.path} does not exist there; waiting for it")
        elif word == "file":
            offset = int(about[1])
            if not offset or offset != self._offset + len(self._lines.held):  # else the same line goes on, if in another file
                yield from self._closed()
                self._began, self._lines = offset, Lines()
            self._inode, self._sampled, self._sum, self._passed = about[0], int(about[2]), about[3], int(about[4])
            yield self._piece(note="")
        elif word == "done":
            yield from self._closed()
        elif word == "head":
            self._sampled, self._sum = int(about[0]), about[1]
            yield self._piece()
        elif word == "live":
            if int(about[0]) != self._offset + len(self._lines.held):
                raise SourceError(f"less of {self.path} came than it grew by (truncated meanwhile, or unreadable): reading on after what came")
            if not self._live:
                self._live = True
                yield self._piece()
        elif word in ("rotated", "truncated"):
            yield self._piece(reopened=word)
        elif word == "lost":
            yield self._piece(gap="rotated-away")

    def _closed(self) -> Iterator[Piece]:
        """A generation has ended, and with it its last line."""
        left = self._lines.finish()
        if left:
            yield self._piece(left)

    def _piece(self, data: bytes = b"", *, note: str | None = None, reopened: str = "", gap: str = "") -> Piece:
        saved = {"inode": self._inode, "offset": self._offset, "sampled": self._sampled, "sum": self._sum, "inside": self._lines.skipping}
        cursor = json.dumps(saved) if self._sampled or self._inode != "0" else None
        return Piece(data, "live" if self._live else "catching_up", cursor, note, reopened, gap)


def _read_cursor(cursor: str) -> tuple[str, int, int, str, bool]:
    """Inode, offset, sample and sum: numbers only, for they go into a script. And whether the offset is within a line that was cut."""
    try:
        saved = json.loads(cursor)
        if re.fullmatch("[0-9a-f]+", saved["sum"]) is None:
            raise ValueError(cursor)
        return str(int(saved["inode"])), int(saved["offset"]), int(saved["sampled"]), saved["sum"], saved.get("inside") is True
    except (KeyError, TypeError) as error:
        raise ValueError(cursor) from error
