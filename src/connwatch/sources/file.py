"""Files that grow: one path, or all that match a pattern. Reading itself is in `follower.py`, waking up in `alarm.py`.

Delivery: at least once, and exactly once unless a file is truncated before it was read to its end. A pattern gives each file a stream
of its own ("source/file name"), because an application's many-line records must not be mixed with another file's.
"""

from __future__ import annotations

import asyncio
import glob
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal

from connwatch.sources.alarm import Alarm, best_alarm
from connwatch.sources.follower import Follower
from connwatch.sources.source import EVERY_STREAM, Batch, SourceStatus, State

__all__ = ["FileSource"]

MAX_FILES = 64
PIECES_A_TURN = 8
GATHER_SECONDS = 0.005
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


class FileSource:
    """Follows `path`. `start` says where to begin in a file that is there at the start and has no cursor; later files are read whole.

    `poll_seconds` is the slow poll behind the alarm. `now` gives the time that lines without a stamp get.
    """

    kind: ClassVar[str] = "file"
    delivery: ClassVar[str] = "every line once, unless the file is truncated before it was read to its end"

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
        self._start, self._poll, self._now, self._alarm = start, poll_seconds, now, alarm
        self._caught_up: set[str] = set()
        self._pattern = glob.has_magic(path)
        self.expected: tuple[str, ...] = () if self._pattern else (name,)

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """See Source."""
        followers: dict[str, Follower] = {}
        told: dict[str, State] = {}
        alarm = self._alarm()
        first = True
        try:
            while True:
                self._discover(followers, after, first=first)
                first = False
                alarm.watch([one.path for one in followers.values()] or [self.path])
                read, busy = False, True
                while busy:
                    busy = False
                    for stream, follower in followers.items():
                        for batch in self._turn(stream, follower, told):
                            read = read or bool(batch.data)
                            yield batch
                        busy = busy or told[stream] == "catching_up"
                    await asyncio.sleep(0)
                for stream in [name for name, state in told.items() if state == "ended"]:
                    followers.pop(stream, None)
                self._report(followers)
                if not followers and told.get(EVERY_STREAM) != "down":
                    told[EVERY_STREAM] = "down"
                    yield Batch(EVERY_STREAM, b"", self._now(), "down")
                if read:
                    await asyncio.sleep(GATHER_SECONDS)  # a burst is one wake-up, not a thousand
                await alarm.wait(self._poll)
        finally:
            await alarm.close()
            for follower in followers.values():
                follower.close()

    def _turn(self, stream: str, follower: Follower, told: dict[str, State]) -> list[Batch]:
        """What one file gives in its turn, bounded so that no file starves the others; a bare state when only that changed."""
        batches: list[Batch] = []
        more = False
        for _ in range(PIECES_A_TURN):
            piece = follower.read(time.monotonic())
            more = piece is not None and piece.more
            if piece is None:
                break
            self.status.bytes += len(piece.data)
            self.status.last_read_at = self._now()
            seen_at = self._now() if stream in self._caught_up else None
            told[stream] = "catching_up" if more else "live"
            batches.append(Batch(stream, piece.data, seen_at, told[stream], piece.cursor))
        state: State = ("catching_up" if more else "live") if follower.attached else "down"
        if self._pattern and state == "down" and follower.gone:
            state = "ended"
        if told.get(stream) != state:
            told[stream] = state
            batches.append(Batch(stream, b"", self._now(), state))
        if state != "catching_up":
            self._caught_up.add(stream)
        return batches

    def _discover(self, followers: dict[str, Follower], after: Mapping[str, str], *, first: bool) -> None:
        """Add the files that have appeared. A renamed generation of a followed file is not a new file: its inode is known."""
        if not self._pattern:
            if not followers:
                followers[self.name] = Follower(self.path, cursor=after.get(self.name), at_end=first and self._start == "end")
            return
        for path in sorted(glob.glob(self.path)):  # noqa: PTH207 - an absolute pattern is what Path.glob refuses
            stream = f"{self.name}/{Path(path).name}"
            if stream in followers or path.endswith(COMPRESSED) or not Path(path).is_file():
                continue
            if any(one.holds(path) for one in followers.values()):
                continue
            if len(followers) >= MAX_FILES:
                self.status.note = f"{self.path} matches more than {MAX_FILES} files; {path} is not read"
                return
            followers[stream] = Follower(path, cursor=after.get(stream), at_end=first and self._start == "end")

    def _report(self, followers: dict[str, Follower]) -> None:
        notes = [one.note for one in followers.values() if one.note] or ([] if followers else [f"nothing matches {self.path}"])
        self.status.note = "; ".join(notes)
        for one in followers.values():
            self.status.reopened.update(one.reopened)
            self.status.gaps.update(one.gaps)
            one.reopened.clear()
            one.gaps.clear()
