"""Takes a request line apart: method, path, safe parameters and the exact keys among them. Knows no log format.

Most lines of a busy log repeat a few hundred request lines without a query: those are remembered in a bounded table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from connwatch.parse.escapes import unescape
from connwatch.parse.keys import keys_of
from connwatch.parse.redact import Redactor

__all__ = ["RequestLines", "Target"]

_METHOD = re.compile(r"[A-Z][A-Z_-]{1,19}")
_MEMO_SIZE = 4096
_LONGEST_KNOWN = 256


@dataclass(slots=True)
class Target:
    """What a request asks for. `method` is "" where the client sent no HTTP."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    keys: list[tuple[str, str]] = field(default_factory=list)


class RequestLines:
    """Reads request lines; one for each parser, because what it remembers holds digests under one key."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        #: Method and path of request lines (as they were logged) without a query.
        self.known: dict[str, tuple[str, str]] = {}

    def line(self, request: str, escape: str = "none", visitor: str = "") -> Target:
        """nginx's `$request`, `POST /mcp HTTP/1.1`, as logged; anything else (a TLS hello on port 80, an empty line) has no method."""
        known = self.known.get(request)
        if known is not None:
            return Target(*known)
        method, _, rest = unescape(request, escape).partition(" ")
        target, _, protocol = rest.rpartition(" ")
        read = self.target(method, target if protocol.startswith("HTTP/") else rest, visitor)
        if not read.params and len(request) <= _LONGEST_KNOWN:
            if len(self.known) >= _MEMO_SIZE:
                self.known.clear()
            self.known[request] = (read.method, read.path)
        return read

    def target(self, method: str, target: str, visitor: str = "") -> Target:
        """Method and request target (RFC 9112 section 3.2); an absolute target keeps its path only. `visitor`: see `keys_of`."""
        if _METHOD.fullmatch(method) is None:
            return Target("", "")
        if not target.startswith("/"):
            scheme, separator, rest = target.partition("://")
            if separator and len(scheme) < 16:
                slash = rest.find("/")
                target = rest[slash:] if slash >= 0 else "/"
        path, _, query = target.partition("#")[0].partition("?")
        read = Target(method, self._redactor.path(path))
        if query:
            read.params = self._redactor.params(query)
            read.keys = keys_of(query, read.params, visitor)
        return read
