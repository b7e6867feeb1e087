"""What nginx's variables mean to us: how each one lands in a `Request`. Knows no line shape.

`PLACES` names the fields of a request and the variables that can fill them, the most telling first. `READERS` are for what a
richer `log_format` adds: facts in the closed vocabulary, and exact keys. A header that is a credential leaves its digest or the
fact that it was there, never itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from connwatch.model.record import Request
from connwatch.parse.redact import Redactor

__all__ = ["PLACES", "READERS", "Reader", "challenge_meaning"]

Reader = Callable[[Request, str, Redactor], None]

PLACES: dict[str, tuple[str, ...]] = {
    "host": ("host", "http_host", "http_x_forwarded_host", "server_name"),
    # Behind a tunnel $remote_addr is the tunnel's; what it says of the visitor is worth more.
    "address": ("http_cf_connecting_ip", "http_true_client_ip", "http_x_forwarded_for", "http_x_real_ip", "remote_addr", "realip_remote_addr"),
    "request": ("request",),
    "method": ("request_method",),
    "uri": ("request_uri", "uri", "document_uri"),
    "args": ("args", "query_string"),
    "status": ("status",),
    "size": ("body_bytes_sent", "bytes_sent"),
    "duration": ("request_time",),
    "referer": ("http_referer",),
    "agent": ("http_user_agent",),
    "upstream": ("upstream_addr",),
    "precise": ("msec",),
    "local": ("time_local",),
    "iso": ("time_iso8601",),
}
_LONGEST = 200
_WORD = re.compile(r"[A-Za-z0-9_./:+\-]{1,80}")
_ERROR = re.compile(r'\berror="?([a-z_]{1,40})')
_SCOPE = re.compile(r'\bscope="?[^"]')


def challenge_meaning(header: str) -> str:
    """A `WWW-Authenticate` header reduced to what it means (RFC 6750, RFC 9728).

    `none`, or words such as `bearer error=invalid_token resource_metadata`.
    """
    if header in ("", "-"):
        return "none"
    scheme = header.split(None, 1)[0].rstrip(",").lower()
    words = [scheme if scheme in ("bearer", "basic", "dpop", "digest", "negotiate") else "other"]
    error = _ERROR.search(header)
    if error is not None:
        words.append(f"error={error[1]}")
    if "resource_metadata" in header:
        words.append("resource_metadata")
    if _SCOPE.search(header) is not None:
        words.append("scope")
    return " ".join(words)


def _fact(name: str) -> Reader:
    def read(request: Request, value: str, redactor: Redactor) -> None:
        if value not in ("", "-"):
            request.facts[name] = value if value.isalnum() and len(value) < 12 else redactor.text(value)[:_LONGEST]

    return read


def _word(name: str) -> Reader:
    """A fact that is one word of a known alphabet (a protocol version, a JSON-RPC method); anything else is not kept."""

    def read(request: Request, value: str, redactor: Redactor) -> None:
        if value != "-" and _WORD.fullmatch(value) is not None:
            request.facts[name] = redactor.path(value)

    return read


def _key(kind: str) -> Reader:
    def read(request: Request, value: str, redactor: Redactor) -> None:
        if value not in ("", "-"):
            key = (kind, redactor.digest(value))
            if key not in request.keys:
                request.keys.append(key)

    return read


def _new_session(request: Request, value: str, redactor: Redactor) -> None:
    if value not in ("", "-"):
        key = ("session", redactor.digest(value))
        if key not in request.keys:
            request.keys.append(key)
            request.facts["session_new"] = "true"


def _connection(request: Request, value: str, redactor: Redactor) -> None:
    # A serial number of one nginx: two proxies count alike, so that the source belongs to it.
    if value.isdigit():
        request.keys.append(("connection", redactor.digest(f"{request.source} {value}")))


def _authorization(request: Request, value: str, redactor: Redactor) -> None:
    request.authorization = value not in ("", "-")
    scheme, _, token = value.partition(" ")
    if scheme.lower() == "bearer" and token:
        request.keys.append(("token", redactor.digest(token.strip())))


def _challenge(request: Request, value: str, redactor: Redactor) -> None:
    del redactor
    request.facts["www_authenticate"] = challenge_meaning(value)


def _presence(name: str) -> Reader:
    def read(request: Request, value: str, redactor: Redactor) -> None:
        del redactor
        if value not in ("", "-"):
            request.facts[name] = "present"

    return read


def _url(name: str) -> Reader:
    def read(request: Request, value: str, redactor: Redactor) -> None:
        if value not in ("", "-"):
            request.facts[name] = redactor.address(value)

    return read


def _peer(request: Request, value: str, redactor: Redactor) -> None:
    if value not in ("", "-", request.address):
        request.facts["peer"] = redactor.text(value)[:64]


#: In this order: what a request brought comes before what its answer gave.
READERS: dict[str, Reader] = {
    "http_mcp_session_id": _key("session"),
    "sent_http_mcp_session_id": _new_session,
    "upstream_http_mcp_session_id": _new_session,
    "request_id": _key("request_id"),
    "http_x_request_id": _key("request_id"),
    "sent_http_x_request_id": _key("request_id"),
    "http_cf_ray": _key("request_id"),
    "connection": _connection,
    "http_authorization": _authorization,
    "http_cookie": _presence("cookie"),
    "sent_http_set_cookie": _presence("set_cookie"),
    "http_mcp_method": _word("mcp_method"),
    "http_mcp_name": _fact("mcp_name"),
    "http_mcp_protocol_version": _word("protocol_version"),
    "sent_http_www_authenticate": _challenge,
    "upstream_http_www_authenticate": _challenge,
    "http_origin": _url("origin"),
    "http_accept": _fact("accept"),
    "http_content_type": _word("content_type"),
    "content_type": _word("content_type"),
    "sent_http_content_type": _word("answer_type"),
    "sent_http_location": _url("location"),
    "scheme": _word("scheme"),
    "http_x_forwarded_proto": _word("scheme"),
    "server_port": _word("port"),
    "ssl_protocol": _word("tls"),
    "upstream_status": _fact("upstream_status"),
    "connection_requests": _word("connection_requests"),
    "remote_addr": _peer,
}
