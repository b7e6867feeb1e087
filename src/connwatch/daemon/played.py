"""A recorded stream played into files as if it happened now: for the demonstration. Knows times and files, nothing of what lines mean.

The played time runs `speed` times as fast as the wall's and begins so far in the past that it arrives at the present with the last
line. From then on both run alike.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

__all__ = ["Entry", "PlayedClock", "play", "recorded"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded line: seconds since the start, the log it is in, the text with %TIME% where nginx writes its time."""

    after: float
    log: str
    text: str

    def line(self, at: float) -> bytes:
        """The line as `docker logs -t` gives it at a time, in seconds since the epoch."""
        moment = datetime.fromtimestamp(at, UTC)
        text = self.text.replace("%TIME%", f"{moment:%d/%b/%Y:%H:%M:%S +0000}")
        return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z {text}\n".encode()


def recorded() -> list[Entry]:
    """The stream that is shipped."""
    text = (resources.files("connwatch") / "catalogue" / "demo" / "stream.jsonl").read_text(encoding="utf-8")
    return [Entry(*json.loads(line)) for line in text.splitlines()]


class PlayedClock:
    """Time for a stream of `length` seconds that starts now."""

    def __init__(self, length: float, speed: float, wall: Callable[[], float] = time.time) -> None:
        self._wall, self.speed = wall, speed
        self._began = wall()
        self._end = self._began + length / speed
        self.start = self._end - length

    def now(self) -> float:
        """The played time, in seconds since the epoch."""
        wall = self._wall()
        return wall if wall >= self._end else self.start + (wall - self._began) * self.speed


async def play(entries: Iterable[Entry], clock: PlayedClock, folder: Path, logs: Sequence[str]) -> int:
    """Write every line when its time has come, into `folder`/LOG.log. Returns how many bytes that were."""
    written = 0
    files = {log: (folder / f"{log}.log").open("ab", buffering=0) for log in logs}
    try:
        for entry in entries:
            at = clock.start + entry.after
            wait = (at - clock.now()) / clock.speed
            if wait > 0:
                await asyncio.sleep(wait)
            written += files[entry.log].write(entry.line(at))
    finally:
        for file in files.values():
            file.close()
    return written
