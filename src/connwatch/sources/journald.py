"""One unit's messages in the system journal, by journalctl. Each becomes a line as `docker logs -t` gives it: stamp, space, message.

The journal itself remembers: its cursor resumes after the last message, over any restart. Following alone would show the current boot
only, and drop what came between the last message read and a reboot: `--merge` lifts that, at the price that journals collected from other
machines count too. Knows nothing of what the messages mean.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from connwatch.model.errors import SourceError
from connwatch.sources.follower import MAX_LINE
from connwatch.sources.process import Child, Lines
from connwatch.sources.source import Batch, SourceStatus
from connwatch.sources.stdin import QUIET_SECONDS

__all__ = ["JournaldSource", "journal_lines"]

MOST_ENTRY = 8 * MAX_LINE
"""Bytes of JSON in an entry that is read. A line of the most that is kept takes six times as much if it is all control characters."""
_MISSING = "there is no program journalctl here: this source needs a machine with systemd"


_CURSOR = re.compile(r"@\d{1,11}\.\d{6}|(?:[a-z]=[0-9a-f]+;?)+")  # a moment of our own, or as sd_journal_get_cursor(3) writes one


class JournaldSource:
    """Follows `unit`. `directory` is a journal elsewhere than where the system keeps its own; `start` holds where there is no cursor."""

    kind: ClassVar[str] = "journald"
    delivery: ClassVar[str] = "every message once, as long as the journal keeps it"

    def __init__(
        self,
        name: str,
        unit: str,
        *,
        format: str = "auto",  # noqa: A002 - the word of the configuration
        start: Literal["beginning", "end"] = "end",
        directory: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.format, self.unit = name, format, unit
        self.expected: tuple[str, ...] = (name,)
        self.status = SourceStatus()
        self._start, self._now = start, now
        self._chosen = [f"--unit={unit}", *([f"--directory={directory}"] if directory is not None else [])]

    async def stream(self, after: Mapping[str, str]) -> AsyncGenerator[Batch, None]:
        """See Source."""
        began = self._now()
        cursor = after.get(self.name)
        if cursor is not None and _CURSOR.fullmatch(cursor) is None:
            self.status.gaps["cursor"] += 1
            cursor = None
        elif cursor is None and self._start == "end":
            cursor = f"@{began:.6f}"  # where nothing comes before the first failure, this is where to go on
        await self._look()
        child = await Child.start([*self._command(), "--follow", "--no-tail", "--merge", *_position(cursor)], missing=_MISSING)
        lines, live = Lines(limit=MOST_ENTRY), False
        try:
            yield Batch(self.name, b"", self._now(), "catching_up", cursor)
            while True:
                try:
                    async with asyncio.timeout(None if live else QUIET_SECONDS):
                        block = await child.read()
                except TimeoutError:
                    live = True
                    yield Batch(self.name, b"", self._now(), "live")
                    continue
                if not block:
                    break
                self.status.last_read_at = self._now()
                data, newest, cursor = self._read(lines.feed(block))
                self.status.bytes += len(data)
                live = live or (newest is not None and newest >= began)
                if cursor is not None:
                    yield Batch(self.name, data, self._now() if live else None, "live" if live else "catching_up", cursor)
            status = await child.finish()
        finally:
            child.close()
        raise self._failed(status, child.last_words)

    async def _look(self) -> None:
        """Whether the journal can be read, and knows the unit: journalctl itself waits for ever for one that does not exist."""
        child = await Child.start([*self._command(), "--lines=1"], missing=_MISSING)
        first = b""
        try:
            while block := await child.read():
                first = first or block[:1]
            status = await child.finish()
        finally:
            child.close()
        said = "\n".join(child.last_words)
        if status != 0 or any(sign in said for sign in ("insufficient permissions", "Permission denied", "No journal files were")):
            raise self._failed(status, child.last_words)
        self.status.note = "" if first == b"{" else f"the journal has no message of {self.unit} yet: is it spelt as `systemctl` lists it?"

    def _command(self) -> list[str]:
        return ["journalctl", "--output=json", "--output-fields=MESSAGE", "--all", "--no-pager", *self._chosen]

    def _read(self, whole: bytes) -> tuple[bytes, float | None, str | None]:
        """Lines, the newest stamp and the cursor of some journal entries."""
        found: list[bytes] = []
        newest, cursor = None, None
        for entry in _entries(whole):
            lines = None if entry is None else journal_lines(entry)
            if lines is None:
                self.status.gaps["unreadable"] += 1
            else:
                found += lines
            if entry is not None:
                newest, cursor = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry["__CURSOR"]
        if found:
            self.status.note = ""
        return b"".join(found), newest, cursor

    def _failed(self, status: int, said: Sequence[str]) -> SourceError:
        text, last = "\n".join(said), said[-1] if said else f"status {status}"
        if "insufficient permissions" in text or "Permission denied" in text:
            return SourceError("the journal cannot be read: add the user connwatch runs as to the group systemd-journal")
        if any(sign in text for sign in ("No journal files were", "No such file or directory", "No such boot ID")):
            return SourceError(f"there is no journal to read ({last}): does systemd-journald run here, and is the directory the right one?")
        return SourceError(f"journalctl ended ({last}); reading unit {self.unit}")


def journal_lines(entry: Mapping[str, Any]) -> list[bytes] | None:
    """The lines of one entry of `journalctl -o json`, each with its stamp and cut at MAX_LINE; None for a message that journalctl left out.

    A message that is no UTF-8 comes as a list of its bytes, one with several values as a list of those (systemd.journal-fields, JSON).
    """
    message = entry.get("MESSAGE")
    if message is None:
        return None
    micros = int(entry["__REALTIME_TIMESTAMP"])
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(micros // 1_000_000)) + f".{micros % 1_000_000:06d}000Z "
    return [(stamp.encode() + line)[:MAX_LINE] + b"\n" for text in _texts(message) for line in text.removesuffix(b"\n").split(b"\n")]


def _texts(message: Any) -> list[bytes]:
    if isinstance(message, str):
        return [message.encode("utf-8", "surrogatepass")]
    if isinstance(message, list) and all(isinstance(part, int) for part in message):
        return [bytes(part & 0xFF for part in message)]
    return [text for part in message for text in _texts(part)] if isinstance(message, list) else [str(message).encode()]


def _entries(whole: bytes) -> Iterator[dict[str, Any] | None]:
    """The entries; None for one that cannot be read, because it was cut or is damaged. What else journalctl prints is none."""
    for line in whole.split(b"\n"):
        if line.startswith(b"{"):
            try:
                entry = json.loads(line)
                int(entry["__REALTIME_TIMESTAMP"])
                str(entry["__CURSOR"])
            except (ValueError, KeyError, TypeError):
                entry = None
            yield entry


def _position(cursor: str | None) -> list[str]:
    if cursor is None:
        return []
    return [f"--since={cursor}"] if cursor.startswith("@") else [f"--after-cursor={cursor}"]
