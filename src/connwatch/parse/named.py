"""What a named value in an application's log means: which key it is, or which fact. Knows no log format.

One table serves every dump, phrase and structured log, so that a session id called `sessionId`, `session_id` or
`mcp-session-id` gives one key. A name that is not in the table is dropped: what is not known to be safe is not kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from connwatch.parse.keys import keys_of
from connwatch.parse.redact import Redactor, challenge_of

__all__ = ["NAMES", "Findings"]

_LONGEST = 4096
_LONGEST_FACT = 200
_SHORTEST_REQUEST_ID = 12
_METHOD = re.compile(r"[a-z][A-Za-z]{2,30}(?:/[A-Za-z_]{1,40}){0,3}")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?")
_ABSENT = frozenset({"", "-", "undefined", "null", "none", "None", "unknown", "false", "[Object]"})
_CUT = ("...", "…")


class Findings:
    """The keys and facts of one message. Of a fact that is named twice the first value counts; keys are kept once."""

    __slots__ = ("_redactor", "facts", "keys")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.keys: list[tuple[str, str]] = []
        self.facts: dict[str, str] = {}

    def note(self, name: str, value: str) -> None:
        """Take `value` as what `name` stands for; a name or value that means nothing is passed over."""
        reader = NAMES.get(name.lower())
        if reader is not None and value not in _ABSENT and len(value) <= _LONGEST:
            reader(self, value)

    def key(self, kind: str, value: str) -> None:
        """An exact key: the digest of `value` under `kind`."""
        pair = (kind, self._redactor.value("client_id", value) if kind == "client_id" else self._redactor.digest(value))
        if pair not in self.keys:
            self.keys.append(pair)

    def fact(self, name: str, value: str) -> None:
        """A fact in safe text."""
        if value:
            self.facts.setdefault(name, self._redactor.text(value)[:_LONGEST_FACT])

    def text(self, value: str) -> str:
        """Free text, safe to keep."""
        return self._redactor.text(value)[:_LONGEST_FACT]

    def query(self, query: str) -> None:
        """The parameters of a URL as far as they are keys."""
        self.keys += [key for key in keys_of(query, self._redactor.params(query)) if key not in self.keys]

    def resource(self, value: str) -> None:
        """The protected resource a token is asked for (RFC 8707), without what could hide in a URL."""
        self.facts.setdefault("resource", self._redactor.address(value))


def _session(found: Findings, value: str) -> None:
    if len(value) == 8:
        found.key("session8", value)
    elif len(value) > 8:
        found.key("session", value)
        found.key("session8", value[:8])


def _prefix(kind: str) -> Callable[[Findings, str], None]:
    def note(found: Findings, value: str) -> None:
        if len(value) >= 8:
            found.key(kind, value[:8])

    return note


def _code(found: Findings, value: str) -> None:
    if not value.endswith(_CUT):
        found.key("code", value)
    _prefix("code8")(found, value)


def _token(found: Findings, value: str) -> None:
    scheme, _, rest = value.partition(" ")
    bare = rest.strip() if rest and scheme.lower() in {"bearer", "dpop"} else value
    if " " in bare or "*" in bare:  # another scheme, or masked by the application itself
        return
    if not bare.endswith(_CUT):
        found.key("token", bare)
    _prefix("token8")(found, bare)


def _callback(found: Findings, value: str) -> None:
    """A redirect with its query: where to, and the code and state it carries."""
    _redirect(found, value)
    _, _, query = value.partition("?")
    found.query(query)
    for pair in query.split("&")[:20]:
        name, _, code = pair.partition("=")
        if name == "code":
            _prefix("code8")(found, code)
        elif name == "error":
            _oauth_error(found, code)


def _redirect(found: Findings, value: str) -> None:
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return
    if host and _HOST.fullmatch(host):
        found.fact("redirect_host", host)
    if parts.scheme not in ("", "http", "https") and len(parts.scheme) <= 40:
        found.fact("redirect_scheme", parts.scheme)


def _oauth_error(found: Findings, value: str) -> None:
    if re.fullmatch(r"[a-z_-]{3,40}", value):
        found.facts.setdefault("oauth_error", value)


def _matched(fact: str, shape: re.Pattern[str]) -> Callable[[Findings, str], None]:
    def note(found: Findings, value: str) -> None:
        if shape.fullmatch(value):
            found.facts.setdefault(fact, value)

    return note


def _first_address(found: Findings, value: str) -> None:
    """X-Forwarded-For: the left-most address is the client's own claim (RFC 7239 section 7.4 on its trust)."""
    _matched("address", _ADDRESS)(found, value.partition(",")[0].strip())


def _plain(fact: str) -> Callable[[Findings, str], None]:
    def note(found: Findings, value: str) -> None:
        found.fact(fact, value)

    return note


def _keyed(kind: str) -> Callable[[Findings, str], None]:
    def note(found: Findings, value: str) -> None:
        found.key(kind, value)

    return note


def _request_id(found: Findings, value: str) -> None:
    """Only ids long enough to be unique: counters such as `req-1` begin anew with every start of a server."""
    if len(value) >= _SHORTEST_REQUEST_ID:
        found.key("request_id", value)


def _client_info(found: Findings, value: str) -> None:
    """`{ name: 'x', version: '1' }`, or its JSON: the name alone."""
    named = re.search(r"""["']?name["']?:\s*(?:'([^']{1,200})'|"([^"]{1,200})")""", value)
    if named:
        found.fact("client_info", named[1] or named[2])


def _verifier(found: Findings, value: str) -> None:
    found.key("challenge", challenge_of(value))


def _resource(found: Findings, value: str) -> None:
    found.resource(value)


_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}|DRAFT-[\w-]{1,20}")
_GRANT = re.compile(r"[a-z_:.\-0-9]{3,60}")

#: Names in lower case.
NAMES: dict[str, Callable[[Findings, str], None]] = {
    "sessionid": _session,
    "session_id": _session,
    "mcp-session-id": _session,
    "mcp_session_id": _session,
    "session": _session,
    "state": _keyed("state"),
    "code": _code,
    "code_challenge": _keyed("challenge"),
    "codechallenge": _keyed("challenge"),
    "code_verifier": _verifier,
    "codeverifier": _verifier,
    "client_id": _keyed("client_id"),
    "clientid": _keyed("client_id"),
    "access_token": _token,
    "accesstoken": _token,
    "authorization": _token,
    "token": _token,
    "refresh_token": _keyed("token"),
    "refreshtoken": _keyed("token"),
    "cf-ray": _request_id,
    "x-request-id": _request_id,
    "request_id": _request_id,
    "requestid": _request_id,
    "redirect_uri": _redirect,
    "redirecturi": _redirect,
    "callback": _callback,
    "resource": _resource,
    "grant_type": _matched("grant_type", _GRANT),
    "client_name": _plain("client_name"),
    "clientname": _plain("client_name"),
    "clientinfo": _client_info,
    "client_info": _plain("client_info"),
    "protocolversion": _matched("protocol_version", _VERSION),
    "mcp-protocol-version": _matched("protocol_version", _VERSION),
    "protocol_version": _matched("protocol_version", _VERSION),
    "method": _matched("mcp_method", _METHOD),
    "mcp_method": _matched("mcp_method", _METHOD),
    "mcp-method": _matched("mcp_method", _METHOD),
    "mcp_name": _plain("mcp_name"),
    "mcp-name": _plain("mcp_name"),
    "user-agent": _plain("agent"),
    "cf-connecting-ip": _matched("address", _ADDRESS),
    "x-forwarded-for": _first_address,
    "host": _matched("host", _HOST),
    "origin": _plain("origin"),
    "error": _oauth_error,
    "oauth_error": _oauth_error,
    "www_authenticate": _plain("www_authenticate"),
}
