"""nginx's error log: the lines that explain a 502, a 504, or a stream that was cut with status 200. Knows no access format.

`2026/11/23 07:53:05 [error] 42#42: *1 connect() failed (111: Connection refused) while connecting to upstream, client: …,
server: …, request: "POST /mcp HTTP/1.1", upstream: "…", host: "…", referrer: "…"`. nginx writes it just before the access line.
"""

from __future__ import annotations

import re

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Record, Trouble
from connwatch.parse import stamps
from connwatch.parse.redact import Redactor
from connwatch.parse.requests import RequestLines, Target

__all__ = ["CAUSES", "ErrorLines"]

_LINE = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[([a-z]{3,8})\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)", re.DOTALL)
_CLIENT = re.compile(r", client: ([0-9A-Fa-f.:]{2,45}|unix:)")
_SERVER = re.compile(r", server: ([^,\s]{1,255})")
_REQUEST = re.compile(r', request: "((?:[^"\\]|\\.){0,8192})"')
_HOST = re.compile(r', host: "([^"]{1,255})"')
_UPSTREAM = re.compile(r', upstream: "([^"]{1,8192})"')
_LEVELS = frozenset(("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"))
_GRAVE = frozenset(("error", "crit", "alert", "emerg"))
_LONGEST = 300

#: What nginx says and the cause it means; the first that occurs counts.
CAUSES: tuple[tuple[str, str], ...] = (
    ("no live upstreams", "no-live-upstreams"),
    ("upstream timed out", "upstream-timeout"),
    ("SSL_", "tls"),
    ("SSL ", "tls"),
    ("certificate", "tls"),
    ("client prematurely closed", "client-closed"),
    ("client closed", "client-closed"),
    ("client timed out", "client-closed"),
    ("connect() failed", "connect-refused"),
    ("connect() to ", "connect-refused"),
    ("could not be resolved", "connect-refused"),
    ("host not found in upstream", "connect-refused"),
    ("upstream prematurely closed", "upstream-closed"),
    ("upstream sent", "upstream-closed"),
    ("recv() failed", "upstream-closed"),
    ("readv() failed", "upstream-closed"),
    ("send() failed", "upstream-closed"),
    ("writev() failed", "upstream-closed"),
)
#: Notices that mark when the proxy began and ended to listen.
_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"nginx/\d|openresty/\d"), "started"),
    (re.compile(r"signal \d+ \(SIG(?:TERM|QUIT|INT)\) received"), "stopped"),
)


class ErrorLines:
    """Turns the text of one error-log line into a `Trouble`, or into `Chatter` where it explains no request.

    `offset` is the zone of the log's own stamps in seconds east of UTC; nginx does not write it.
    """

    def __init__(self, name: str, redactor: Redactor, offset: int = 0) -> None:
        self._name = name
        self._redactor = redactor
        self._offset = offset
        self._lines = RequestLines(redactor)

    def record(self, text: str, line: Line, engine: float | None) -> Record | None:
        """None if `text` (the line without its wrapping) is no error-log line. `engine` is the engine's stamp."""
        if text[4:5] != "/" or text[19:21] != " [":
            return None
        found = _LINE.match(text)
        if found is None or found[2] not in _LEVELS:
            return None
        at = engine if engine is not None else stamps.nginx_error(found[1], self._offset)
        message = found[3]
        cause = self._cause(message)
        asked = _REQUEST.search(message)
        if found[2] not in _GRAVE and (cause == "other" or asked is None):
            facts = {mark: "nginx" for pattern, mark in _MARKS if pattern.match(message)}
            return Chatter(line.source, line.number, line.number, at, self._name, facts)
        target = self._lines.line(asked[1], "default") if asked is not None else Target("", "")
        client = _CLIENT.search(message)
        return Trouble(
            line.source,
            line.number,
            line.number,
            at,
            engine is None,
            "proxy",
            self._name,
            cause,
            self._text(message),
            target.method or None,
            target.path or None,
            target.params,
            self._host(message),
            client[1] if client is not None else None,
        )

    def _cause(self, message: str) -> str:
        said = message.partition(", client: ")[0]
        return next((cause for words, cause in CAUSES if words in said), "other")

    def _text(self, message: str) -> str:
        """What happened and with which upstream; the request itself is in fields of its own."""
        said = self._redactor.text(message.partition(", client: ")[0])
        upstream = _UPSTREAM.search(message)
        return (f"{said}, upstream {self._redactor.address(upstream[1])}" if upstream is not None else said)[:_LONGEST]

    def _host(self, message: str) -> str | None:
        named = _HOST.search(message) or _SERVER.search(message)
        if named is None or named[1] in ("_", "-"):
            return None
        host, separator, port = named[1].lower().rpartition(":")
        return self._redactor.text(host if separator and port.isdigit() else named[1].lower())
