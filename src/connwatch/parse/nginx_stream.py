"""What a proxy's container prints: access lines, error lines, and the talk of the processes beside nginx. Knows no stage.

nginx-proxy starts nginx and docker-gen under forego, which sends all of it down one stream; a file that nginx writes itself is
the same without the talk. So every `log_format` is read through here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Record, Role, Unparsed
from connwatch.parse.access import AccessLines
from connwatch.parse.logformat import compile_format
from connwatch.parse.nginx_error import ErrorLines
from connwatch.parse.parser import FormatTable, Skim
from connwatch.parse.redact import Redactor
from connwatch.parse.strip import strip

__all__ = ["NginxStream", "nginx_error_stream", "nginx_stream"]

#: Lines of a container that runs nginx which are about no request, by how they begin (docker-gen's follow a stamp).
_TALK = re.compile(
    r"Info: |Warning: |Error: |Setting up DH|Custom |Generating |DH parameters|Reloading nginx|nginx: (?:\[|the configuration|configuration file)"
    r"|/?docker-entrypoint\.sh: |/docker-entrypoint|[0-9/]{10} [0-9:]{8} (?:Received |Generated |Running |Contents |Watching |Received signal|"
    r"Error |Unable |Template |Debounce|Docker |Server )|(?:starting|sending) \S+ "
)
_STARTING = re.compile(r"starting nginx\.\d+ on port")


class NginxStream:
    """The parser of one proxy's stream; with `access` None, of an error log alone."""

    def __init__(self, name: str, access: AccessLines | None, errors: ErrorLines, redactor: Redactor) -> None:
        self._name = name
        self._access = access
        self._errors = errors
        self._redactor = redactor

    @cached_property
    def skim(self) -> Skim | None:
        """For readers of blocks; compiled for the format that a source is read in, not for those that are merely tried."""
        if self._access is None:
            return None
        shapes = self._access.log_format.shapes
        return Skim(shapes, self._access.log_format.before, self._access.bare) if shapes else None

    @property
    def format(self) -> str:
        """The name by which the format was asked for."""
        return self._name

    def parse(self, line: Line) -> Sequence[Record]:
        """Exactly one record."""
        text = line.text
        if self._access is not None:
            bare = self._access.bare(text, line.source, line.number, line.seen_at)
            if bare is not None:
                return (bare,)
        stripped = strip(text)
        text, engine = stripped.text, stripped.at
        if stripped.process and not stripped.process.startswith("nginx."):
            return (self._talk(text, line, engine),)
        record: Record | None = None
        if self._access is not None:
            record = self._access.request(text, line.source, line.number, line.seen_at, engine)
        if record is None:
            record = self._errors.record(text, line, engine)
        if record is None and (stripped.process or _TALK.match(text) or not text.strip()):
            record = self._talk(text, line, engine)
        return (record or Unparsed(line.source, line.number, self._redactor.sample(line.text), self.failure(text)),)

    def flush(self) -> Sequence[Record]:
        """Nothing: every line is complete in itself."""
        return ()

    def failure(self, text: str) -> str:
        """Why `text` (without its wrapping) is no line of this stream."""
        if self._access is None:
            return "no error-log line: a stamp like 2026/11/23 07:53:05 and a [level] expected at column 1"
        return self._access.log_format.failure(text)

    def _talk(self, text: str, line: Line, engine: float | None) -> Chatter:
        facts = {"started": "nginx"} if _STARTING.match(text) else {}
        return Chatter(line.source, line.number, line.number, engine if engine is not None else line.seen_at, self._name, facts)


def nginx_stream(name: str, table: FormatTable, redactor: Redactor) -> NginxStream:
    """Builds the parser of a `log_format` table. Raises ValueError with a sentence for the user."""
    log_format = compile_format(_text(table, "log_format"), _text(table, "escape") or "default", _text(table, "optional_tail"))
    role: Role = "app" if table.get("role") == "app" else "proxy"
    return NginxStream(name, AccessLines(name, log_format, redactor, role), ErrorLines(name, redactor, _zone(table)), redactor)


def nginx_error_stream(name: str, table: FormatTable, redactor: Redactor) -> NginxStream:
    """Builds the parser of an error log alone."""
    return NginxStream(name, None, ErrorLines(name, redactor, _zone(table)), redactor)


def _text(table: FormatTable, key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} must be text")  # noqa: TRY004 - one kind of exception for every wrong table
    return value


def _zone(table: FormatTable) -> int:
    """`error_log_zone = "+01:00"` in seconds east of UTC."""
    zone = _text(table, "error_log_zone")
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", zone)
    if found is None:
        if zone in ("", "Z", "UTC"):
            return 0
        raise ValueError(f"error_log_zone must look like +01:00, not {zone!r}")
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds
