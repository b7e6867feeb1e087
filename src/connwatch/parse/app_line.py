"""What every application parser does first: take off what the engine put in front of a line, and find its time. Knows no format.

The engine's stamp comes before the one that the line begins with, and that before the time at which it was read. A stamp without a zone may be
anybody's local time: it is used where there is nothing else.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from connwatch.model.line import Line
from connwatch.parse import stamps
from connwatch.parse.gather import Message
from connwatch.parse.strip import strip

__all__ = ["message_of", "stamped", "take_time"]

_LONGEST = 16_384  # characters of a line of prose that are looked at

_CLOCK = re.compile(r"(\d\d)/(\d\d)/(\d\d) (\d\d:\d\d:\d\d)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,9})?(Z| ?[+-]\d\d:?\d\d)?")
_OWN = frozenset("0123456789[(")  # what a line begins with whose first word is a stamp


class _Clock(NamedTuple):
    """A stamp that a program prints itself: seconds since the epoch, whether it counts whole seconds, and whether it names a zone."""

    at: float
    coarse: bool
    zoned: bool


def stamped(line: Line) -> tuple[float | None, str]:
    """The engine's stamp (seconds since the epoch; None where there is none) and the text behind all prefixes."""
    stripped = strip(line.text)
    return stripped.at, stripped.text


def message_of(line: Line) -> Message:
    """The message that a line is, or begins: what stands behind all prefixes, and its time as said above."""
    at, text = stamped(line)
    coarse = False
    if at is None:
        own = _clock(text[:40]) if text[:1] in _OWN else None
        if own is not None and own.zoned:
            at, coarse = own.at, own.coarse
        else:
            at = line.seen_at
    return Message(line.source, line.number, line.number, at, text[:_LONGEST], coarse=coarse)


def take_time(message: Message, printed: str) -> None:
    """Where nothing else gave a time, the message has that of the stamp in `printed`, if there is one."""
    own = _clock(printed) if message.at is None else None
    if own is not None:
        message.at, message.coarse = own.at, own.coarse


def _clock(text: str) -> _Clock | None:
    """The stamp that a logger printed: rich's `11/23/26 07:53:06` or ISO 8601 anywhere in `text`. Taken as UTC where no zone is named."""
    found = _CLOCK.search(text)
    if found is not None:
        month, day, year, clock = found.groups()
        at = stamps.iso(f"20{year}-{month}-{day} {clock}")
        return None if at is None else _Clock(at, coarse=True, zoned=False)
    found = _ISO.search(text)
    at = stamps.iso(found.group()) if found is not None else None
    return None if found is None or at is None else _Clock(at, coarse=found[1] is None, zoned=found[2] is not None)
