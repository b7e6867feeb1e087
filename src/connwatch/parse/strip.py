"""Takes off what others put in front of a log line. Knows prefixes, not formats.

In the order in which they may stand: docker compose's `name  | `, the engine's RFC 3339 stamp (`docker logs -t`), a process
manager's `nginx.1     | ` (forego), with colours anywhere. forego resets the colour of an error line only after its newline, so
that the reset opens the *next* line, whoever owns it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connwatch.parse import stamps

__all__ = ["Stripped", "strip"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: The engine writes nine decimals, kubectl cuts trailing zeros. An application that stamps its own lines has three or six.
_ENGINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7,9}(?:Z|[+-]\d\d:\d\d) ?")
_PROCESS = re.compile(r"(forego|[A-Za-z][A-Za-z0-9_-]{0,40}\.\d{1,3}) *\| ?")
#: compose pads to the longest name and one more, so that two spaces stand before the bar: `INFO | text` is not its doing.
_SERVICE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,80}) {2,40}\| ?")
_LEVELS = frozenset(("debug", "info", "notice", "warn", "warning", "error", "critical", "fatal", "trace", "success"))


@dataclass(slots=True)
class Stripped:
    """A line without its wrapping. `at` is the engine's stamp in seconds since the epoch; `process` and `service` are "" where none is named."""

    text: str
    at: float | None
    process: str
    service: str


def strip(text: str) -> Stripped:
    """`text` without engine stamp, prefixes and colours, and what they said."""
    at: float | None = None
    process = service = ""
    coloured = "\x1b" in text
    if coloured:
        text = _COLOUR.sub("", text)
    if not text[:1].isdigit():
        text, process, service = _prefix(text)
    if text[4:5] == "-" and text[10:11] == "T":
        stamp = _ENGINE.match(text)
        if stamp is not None:
            at = stamps.iso(stamp.group().rstrip())
            text = text[stamp.end() :]
            again = _ENGINE.match(text) if coloured else None
            if again is not None:
                # A container that died left a reset without its newline: the next line follows with a stamp of its own.
                at = stamps.iso(again.group().rstrip())
                text = text[again.end() :]
            if not process:
                text, process, inner = _prefix(text)
                service = service or inner
    return Stripped(text, at, process, service)


def _prefix(text: str) -> tuple[str, str, str]:
    """Text, process and service; a service's prefix may stand before the process's, never behind it."""
    bar = text.find("|", 1, 100)
    if bar < 0 or text[bar - 1] != " ":
        return text, "", ""
    process = service = ""
    found = _PROCESS.match(text)
    if found is None:
        outer = _SERVICE.match(text)
        if outer is not None and outer[1].lower() not in _LEVELS:
            service, text = outer[1], text[outer.end() :]
            if text[4:5] == "-":
                return text, "", service
            found = _PROCESS.match(text)
    if found is not None:
        process, text = found[1], text[found.end() :]
    return text, process, service
