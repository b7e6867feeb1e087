"""What the container engine sends for a log, taken apart into lines. Pure: bytes in, lines out; it must not know sockets or containers.

Without a terminal the log is *multiplexed*: frames of eight header bytes (channel, three zeros, length) and a message that begins with its
stamp. With a terminal it is raw text whose lines end in CR LF. Either way a line over 16 KiB comes in pieces, and each piece begins with
the line's stamp again, in the middle of the line: these repetitions are taken out.

In raw text a program that ended without a newline has its last words glued to the stamp of its next run's first line. But whoever is logged
can write a stamp too. So a stamp inside a line is the engine's only where nobody can have foreseen it: the container was started again
between the two, and no later line is older. A line that may be two waits for the line after it, or for the engine's word on its newest one.
"""

from __future__ import annotations

import calendar
import math
import re
import struct
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

__all__ = ["MAX_LINE", "Frames", "GarbledError", "Lines", "LogLine", "Restart", "nanoseconds"]

MAX_LINE = 1024 * 1024
"""A longer line is cut here and its rest skipped."""
PIECE = 16 * 1024
_HEADER = 8
_CHANNELS = 3  # 1 output, 2 errors, 3 the engine's own words; 0 is input, which no log has
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")
_OUTPUT = 1
_DECIMALS = 9


class GarbledError(ValueError):
    """What came is no log stream."""


class LogLine(NamedTuple):
    """One line. `at`: the engine's stamp in nanoseconds since the epoch, None where it gave none, as in its own complaints.

    `raw` is the line as `docker logs -t` shows it, stamp and newline included.
    """

    at: int | None
    channel: int
    raw: bytes


class Restart(NamedTuple):
    """A container's run ended, and the next one began, in nanoseconds since the epoch. Its first line may be a little older than `began`."""

    ended: int
    began: int


class Frames:
    """Takes frames out of bytes that were cut anywhere. What a frame holds beyond `limit` bytes is skipped."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._header = b""
        self._body = bytearray()
        self._left = 0
        self._channel = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Channel and message of every frame that `data` completes. Raises GarbledError where a header is none."""
        found: list[tuple[int, bytes]] = []
        at = 0
        while at < len(data):
            if not self._left:
                need = _HEADER - len(self._header)
                self._header += data[at : at + need]
                at += need
                if len(self._header) == _HEADER:
                    self._open()
                continue
            part = data[at : at + self._left]
            at += len(part)
            self._left -= len(part)
            self._body += part[: max(0, self._limit - len(self._body))]
            if not self._left:
                found.append((self._channel, bytes(self._body)))
                self._body.clear()
        return found

    def _open(self) -> None:
        if self._header[0] > _CHANNELS or self._header[1:4] != b"\0\0\0":
            raise GarbledError(f"a frame cannot begin with {self._header.hex(' ')}")
        self._channel, self._left = struct.unpack(">BxxxL", self._header)
        self._header = b""


class Lines:
    """Whole lines out of a log stream. `raw`: the container has a terminal, so that there are no frames and only one channel.

    For raw text: `restart` is the container's last one, None where none is known; `newest` the engine's stamp of the newest line, in nanoseconds
    since the epoch, None where nobody asked.
    """

    def __init__(self, *, raw: bool, restart: Restart | None = None, newest: int | None = None) -> None:
        self._raw, self._restart, self._newest = raw, restart, newest
        self._frames = Frames()
        self._held: dict[int, bytearray] = {}
        self._doubtful = b""

    def feed(self, data: bytes) -> list[LogLine]:
        """The lines that `data` completes. Raises GarbledError."""
        if self._raw:
            return self._split(data)
        found: list[LogLine] = []
        for channel, message in self._frames.feed(data):
            self._join(channel, message, found)
        return found

    def settle(self, newest: int) -> list[LogLine]:
        """Say which line is the newest one, asked for after the last `feed`: what waited for the line after it may have been the last."""
        self._newest = newest
        parts = self._runs(self._doubtful, newest)
        if newest not in [part.at for part in parts]:
            return []
        self._doubtful = b""
        return parts

    def finish(self) -> list[LogLine]:
        """Lines that never got a newline, where it is known that none will come."""
        until = self._newest or 0
        found = self._decided(until)
        for channel, held in self._held.items():
            if held:
                found += self._runs(bytes(held), until) if self._raw else [self._line(channel, bytes(held))]
        self._held.clear()
        return found

    def oldest_open(self) -> int | None:
        """The stamp of the oldest line whose end has not come."""
        return min((at for at in (nanoseconds(self._doubtful), *map(nanoseconds, self._held.values())) if at is not None), default=None)

    def _join(self, channel: int, message: bytes, found: list[LogLine]) -> None:
        held = self._held.pop(channel, None)
        if held:
            stamp = held[: held.find(b" ") + 1]
            if stamp and message.startswith(stamp):
                message = bytes(held) + message[len(stamp) :]
            else:
                found.append(self._line(channel, bytes(held)))  # its program ended in the middle of a line
        *lines, rest = message.split(b"\n")
        found += [self._line(channel, line) for line in lines]
        if rest:
            self._held[channel] = bytearray(rest[: MAX_LINE + PIECE])

    def _split(self, data: bytes) -> list[LogLine]:
        held = self._held.setdefault(_OUTPUT, bytearray())
        *lines, rest = data.split(b"\n")
        found: list[LogLine] = []
        for line in lines:
            held += line
            found += self._whole(bytes(held.removesuffix(b"\r")))
            held.clear()
        held += rest[: max(0, MAX_LINE + PIECE - len(held))]
        return found

    def _whole(self, line: bytes) -> list[LogLine]:
        found = self._decided(nanoseconds(line) or 0)
        parts = self._runs(line, math.inf)
        if len(parts) > 1:
            parts = self._runs(line, self._newest or 0)
            if self._newest not in [part.at for part in parts[1:]]:
                self._doubtful = line
                return found
        return found + parts

    def _decided(self, until: int) -> list[LogLine]:
        line, self._doubtful = self._doubtful, b""
        return self._runs(line, until) if line else []

    def _runs(self, line: bytes, until: float) -> list[LogLine]:
        """The line of a program that ended without a newline, and the first line of its next run, if they are glued together and that one is no
        newer than `until`. The engine stamps a line after its program wrote it, so that a program's own stamp is never the newer one.
        """
        before, starts = nanoseconds(line), [0]
        for stamp in _STAMP.finditer(line, 1):
            at = nanoseconds(stamp.group())
            if len(stamp[3] or b"") < _DECIMALS or at is None or before is None or not before < at <= until:
                continue
            if at == self._newest or (self._restart is not None and before < self._restart.began and at > self._restart.ended):
                starts.append(stamp.start())
                before = at
        return [self._line(_OUTPUT, _without_repeats(line[start:end])) for start, end in pairwise([*starts, len(line)])]

    @staticmethod
    def _line(channel: int, line: bytes) -> LogLine:
        return LogLine(nanoseconds(line), channel, line[:MAX_LINE] + b"\n")


def _without_repeats(line: bytes) -> bytes:
    stamp = line[: line.find(b" ") + 1]
    if len(line) <= len(stamp) + PIECE or not stamp:
        return line
    text, parts, at = line[len(stamp) :], [], 0
    while at < len(text):
        parts.append(text[at : at + PIECE])
        at += PIECE
        if text.startswith(stamp, at):
            at += len(stamp)
    return stamp + b"".join(parts)


def nanoseconds(line: bytes | bytearray) -> int | None:
    """The RFC 3339 stamp that a line begins with, in nanoseconds since the epoch; None where there is none."""
    stamp = _STAMP.match(line)
    if stamp is None:
        return None
    minute, second, fraction, zone = stamp.groups()
    start = _minute(minute, zone)
    return None if start is None else (start + int(second)) * 1_000_000_000 + int((fraction or b"").ljust(9, b"0"))


@lru_cache(maxsize=64)
def _minute(text: bytes, zone: bytes) -> int | None:
    year, month, day, hour, minute = int(text[:4]), int(text[5:7]), int(text[8:10]), int(text[11:13]), int(text[14:16])
    if not (year and 1 <= month <= 12 and 1 <= day <= 31):
        return None
    away = 0 if zone == b"Z" else (1 if zone[:1] == b"+" else -1) * (int(zone[1:3]) * 3600 + int(zone[4:6]) * 60)
    return calendar.timegm((year, month, day, hour, minute, 0)) - away
