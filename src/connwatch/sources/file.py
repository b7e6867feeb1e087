"""Files that grow: one path, or all that match a pattern. Reading itself is in `follower.py`, waking up in `alarm.py`.

A pattern gives each file a stream of its own ("source/file name"), because an application's many-line records must not be mixed with
another file's. Where the pattern reaches into several directories the name begins with what differs. What rotation left of a file that
matches too is no file of its own.
"""

from __future__ import annotations

import asyncio
import glob
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import ClassVar, Literal

from connwatch.model.errors import SourceError
from connwatch.sources.alarm import Alarm, best_alarm
from connwatch.sources.follower import Follower, Piece
from connwatch.sources.siblings import COMPRESSED, Absent, logs_of
from connwatch.sources.source import EVERY_STREAM, Batch, Gap, SourceStatus, State

__all__ = ["FileSource"]

MAX_FILES = 64
MAX_LOGS = 4096
PIECES_A_TURN = 8
GATHER_SECONDS = 0.005


class FileSource:
    """Follows `path`. `start` says where to begin in a file that is there at the very first start and has no cursor; later files are read whole.

    `poll_seconds` is the slow poll behind the alarm. `now` gives the time that lines without a stamp get.
    """

    kind: ClassVar[str] = "file"
    delivery: ClassVar[str] = "every line once, unless the file is truncated, deleted or compressed before it was read to its end"

    def __init__(
        self,
        name: str,
        path: str,
        *,
        format: str = "auto",  # noqa: A002 - the word of the configuration
        start: Literal["beginning", "end"] = "end",
        poll_seconds: float = 1.0,
        now: Callable[[], float] = time.time,
        alarm: Callable[[], Alarm] = best_alarm,
    ) -> None:
        self.name, self.format, self.path = name, format, path
        self.status = SourceStatus()
        self._at_end = start == "end"
        self._poll, self._now, self._alarm = poll_seconds, now, alarm
        self._caught_up: set[str] = set()
        self._pattern = glob.has_magic(path)
        self._base = _fixed_part(path)
        self._left_out = ""
        self._logs: dict[str, None] = {}  # paths that are logs or were, so that what rotation left of them is known
        self.expected: tuple[str, ...] = () if self._pattern else (name,)

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """See Source."""
        cursors = {stream: cursor for stream, cursor in after.items() if stream.partition("/")[0] == self.name}
        if self._pattern and cursors:
            self._at_end = False  # every file that was there has a cursor: the others have come since
        absent = Absent(self._path_of(stream) for stream in cursors) if self._pattern else None
        followers: dict[str, Follower] = {}
        told: dict[str, State] = {}
        watched: list[tuple[int, int]] | None = None
        alarm = self._alarm()
        try:
            while True:
                self._discover(followers, cursors, absent)
                self._at_end = False
                read, busy = False, True
                while busy:
                    busy = False
                    for stream, follower in followers.items():
                        for batch in self._turn(stream, follower, told):
                            read = read or bool(batch.data)
                            yield batch
                        busy = busy or told[stream] == "catching_up"
                    if busy:
                        await asyncio.sleep(0)
                for stream in [name for name, state in told.items() if state == "ended"]:
                    del told[stream]
                    followers.pop(stream).close()
                self._report(followers)
                if not followers and told.get(EVERY_STREAM) != "down":
                    told[EVERY_STREAM] = "down"
                    yield Batch(EVERY_STREAM, b"", self._now(), "down")
                elif followers:
                    told.pop(EVERY_STREAM, None)
                open_now = [identity for one in followers.values() for identity in one.identities]
                if open_now != watched or not all(one.attached for one in followers.values()):
                    alarm.watch([one.path for one in followers.values()] or [self.path])
                if open_now != watched:
                    watched = open_now
                    continue  # what was written before it was watched rang no alarm
                if read:
                    await asyncio.sleep(GATHER_SECONDS)  # a burst is one wake-up, not a thousand
                await alarm.wait(self._poll)
        finally:
            await alarm.close()
            for follower in followers.values():
                follower.close()

    def _turn(self, stream: str, follower: Follower, told: dict[str, State]) -> Iterator[Batch]:
        """What one file gives in its turn, bounded so that no file starves the others; a bare state when only that changed."""
        more = False
        for _ in range(PIECES_A_TURN):
            piece = self._read(follower)
            more = piece is not None and piece.more
            for lost in follower.lost:
                told[stream] = "catching_up"
                yield Batch(stream, b"", self._now(), "catching_up", gap=Gap(lost.reason, lost.since, self._now()))
            follower.lost.clear()
            if piece is None:
                break
            self.status.bytes += len(piece.data)
            if piece.data:
                self.status.last_read_at = self._now()
            seen_at = self._now() if stream in self._caught_up else None
            told[stream] = "catching_up" if more else "live"
            yield Batch(stream, piece.data, seen_at, told[stream], piece.cursor)
        state: State = ("catching_up" if more else "live") if follower.attached else "down"
        if self._pattern and state == "down" and follower.gone:
            state = "ended"
        if told.get(stream) != state:
            told[stream] = state
            yield Batch(stream, b"", self._now(), state, follower.cursor)
        if state != "catching_up":
            self._caught_up.add(stream)

    def _read(self, follower: Follower) -> Piece | None:
        """Of a pattern one file that fails is a note, so that it does not silence the others."""
        try:
            return follower.read(time.monotonic())
        except SourceError as error:
            if not self._pattern:
                raise
            follower.fail(str(error))
            return None

    def _discover(self, followers: dict[str, Follower], cursors: dict[str, str], absent: Absent | None) -> None:
        """Add the files that have appeared. A renamed generation of a followed file is not a new file, whatever the pattern says."""
        if absent is None:
            if not followers:
                followers[self.name] = Follower(self.path, cursor=cursors.get(self.name), at_end=self._at_end)
            return
        paths = sorted(path for path in glob.glob(self.path, recursive=True) if _is_log(path))  # noqa: PTH207 - Path.glob refuses an absolute pattern
        self._remember(paths, followers, cursors)
        for path in absent.rotated(set(paths)) if cursors else ():
            stream = self._stream_of(path)
            if stream in cursors:  # what was rotated away may have lines that nobody read
                followers[stream] = Follower(path, cursor=cursors.pop(stream))
        self._left_out = ""
        for path in paths:
            stream = self._stream_of(path)
            if stream in followers or not self._logs.keys().isdisjoint(logs_of(path)):
                continue
            if any(one.holds(path) for one in followers.values()):
                continue
            if len(followers) >= MAX_FILES:
                self._left_out = f"{self.path} matches more than {MAX_FILES} files; {path} is not read"
                return
            followers[stream] = Follower(path, cursor=cursors.pop(stream, None), at_end=self._at_end)

    def _remember(self, paths: list[str], followers: dict[str, Follower], cursors: dict[str, str]) -> None:
        """Take up the names of logs; those that are there go to the end, the first ones are forgotten."""
        if not self._logs:
            self._logs = dict.fromkeys(self._path_of(stream) for stream in cursors)
        for log in (*paths, *(one.path for one in followers.values())):
            self._logs.pop(log, None)
            self._logs[log] = None
        if len(self._logs) > MAX_LOGS:
            self._logs = dict.fromkeys(list(self._logs)[-MAX_LOGS:])

    def _path_of(self, stream: str) -> str:
        return self._base + stream.partition("/")[2]

    def _stream_of(self, path: str) -> str:
        return f"{self.name}/{path.removeprefix(self._base)}"

    def _report(self, followers: dict[str, Follower]) -> None:
        notes = [one.note for one in followers.values() if one.note] or ([] if followers else [f"nothing matches {self.path}"])
        self.status.note = "; ".join([*notes, *([self._left_out] if self._left_out else [])])
        for one in followers.values():
            self.status.reopened.update(one.reopened)
            self.status.gaps.update(one.gaps)
            one.reopened.clear()
            one.gaps.clear()


def _is_log(path: str) -> bool:
    return not path.endswith(COMPRESSED) and os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where a directory is closed to us


def _fixed_part(pattern: str) -> str:
    """The directories that all matches of a pattern have in common, with the last slash."""
    fixed = pattern
    while glob.has_magic(fixed):
        fixed = fixed.rpartition("/")[0]
    return f"{fixed}/" if "/" in pattern else ""
