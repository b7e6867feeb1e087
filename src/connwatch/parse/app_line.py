"""What every application parser does first: take off what the engine put in front of a line. Knows no format."""

from __future__ import annotations

import re

from connwatch.model.line import Line
from connwatch.parse import stamps
from connwatch.parse.gather import Message
from connwatch.parse.strip import strip

__all__ = ["clock_stamp", "message_of", "stamped"]

_LONGEST = 16_384  # characters of a line of prose that are looked at

_CLOCK = re.compile(r"(\d\d)/(\d\d)/(\d\d) (\d\d:\d\d:\d\d)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")


def stamped(line: Line) -> tuple[float | None, str]:
    """The engine's stamp (seconds since the epoch; None where there is none) and the text behind all prefixes."""
    stripped = strip(line.text)
    return stripped.at, stripped.text


def message_of(line: Line) -> Message:
    """The message that a line is, or begins: what stands behind all prefixes, at the engine's stamp or else when it was read."""
    at, text = stamped(line)
    return Message(line.source, line.number, line.number, at if at is not None else line.seen_at, text[:_LONGEST])


def clock_stamp(text: str) -> float | None:
    """A stamp that Python's loggers print: rich's `11/23/26 07:53:06` or ISO 8601 anywhere in `text`. Taken as UTC where no zone is named."""
    found = _CLOCK.search(text)
    if found is not None:
        month, day, year, clock = found.groups()
        return stamps.iso(f"20{year}-{month}-{day} {clock}")
    found = _ISO.search(text)
    return stamps.iso(found.group()) if found is not None else None
