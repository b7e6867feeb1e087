"""Parsed lines, without an opinion: what was logged, in which words of the log, with secrets already digested.

A parser emits one of four things for the lines it takes:

* `Request`: an HTTP request, as a proxy saw it end or as an application saw it begin;
* `Detail`: more about a request that the same source already emitted (an application's own lines about it);
* `Trouble`: a line that explains requests without being one (nginx error log, application error);
* `Chatter`: recognised, and of no interest to attempts (start-up banners, docker-gen, notices).

A line that no parser takes is an `Unparsed`. Nothing here holds a secret: `params`, `referer_params` and `keys`
carry digests (see `connwatch.parse.redact`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Chatter", "Detail", "Record", "Request", "Role", "Trouble", "Unparsed"]

Role = Literal["proxy", "app"]


@dataclass(slots=True)
class Request:
    """One HTTP request as one log tells it.

    Times are seconds since the epoch. For a proxy `at` is when the request *ended* (nginx writes then);
    for an application it is when the request began or its answer started. `coarse` means the stamp has a
    resolution of one second only; `at` is None where the line carries no time at all.
    `path` is the path without the query, token-like segments replaced by digests; `params` and `referer_params` map
    each query key to a value that is safe to keep (a digest for secrets). `status` None: the log does not say.
    `size` is the body in bytes, `duration` the request time in seconds.
    `authorization` says whether a bearer token came with the request, None where the log does not say.
    `keys` holds further exact keys as (kind, digest): "state", "challenge", "code", "session", "token", "client_id",
    "request_id", "connection", "transaction".
    `facts` holds what only this log knows, in a closed vocabulary (see docs/vocabulary.md): "client_name", "client_info", "oauth_error",
    "mcp_method", "mcp_name", "protocol_version", "session_new", "www_authenticate", "cause", "origin", "tls", ...
    """

    source: str
    line: int
    end_line: int
    at: float | None
    coarse: bool
    role: Role
    format: str
    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    host: str | None = None
    address: str | None = None
    agent: str | None = None
    status: int | None = None
    size: int | None = None
    duration: float | None = None
    referer: str | None = None
    referer_params: dict[str, str] = field(default_factory=dict)
    upstream: str | None = None
    authorization: bool | None = None
    keys: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Detail:
    """Lines of an application about the request whose first line is `of` (1-based, same source).

    `of` is None where the lines belong to no request (a timer, a stream that closed): they may still carry keys.
    """

    source: str
    line: int
    end_line: int
    at: float | None
    format: str
    of: int | None
    keys: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Trouble:
    """A line that explains requests: an error of the proxy or of the application.

    `cause` is one of a closed list: "connect-refused", "upstream-timeout", "no-live-upstreams", "upstream-closed",
    "client-closed", "host-rejected", "origin-rejected", "session-unknown", "token-audience", "token-rejected", "tls",
    "other". `method`, `path`, `host` and `address` name the request it is about, where the line says so.
    """

    source: str
    line: int
    end_line: int
    at: float | None
    coarse: bool
    role: Role
    format: str
    cause: str
    text: str
    method: str | None = None
    path: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    host: str | None = None
    address: str | None = None


@dataclass(slots=True)
class Chatter:
    """A recognised line that is about no request. `facts` may hold "started" or "stopped" for marks on a time line."""

    source: str
    line: int
    end_line: int
    at: float | None
    format: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Unparsed:
    """A line that no format took. `text` is redacted and cut to 300 characters; `reason` says what came nearest."""

    source: str
    line: int
    text: str
    reason: str


Record = Request | Detail | Trouble | Chatter | Unparsed
