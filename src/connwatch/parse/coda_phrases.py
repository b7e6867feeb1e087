"""The sentences of coda-mcp's log, as a table: what each one says, and which request it can belong to. No state, no I/O.

A named group in a pattern is a name of `named.NAMES`; what is not in a named group is dropped. Sentences are grouped by their
tag, the word in square brackets that begins them. Versions: v1.0.x without and with a consent page, v1.5, v2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["PHRASES", "TAGS", "Phrase", "phrase_of"]

Belongs = Literal["request", "outside"]


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence. `of` restricts it to requests with this method and path ending (either may be empty).

    `belongs` "outside" means that it is printed when no request runs. `trouble` is a cause of `Trouble`, "" for none.
    `error` keeps the sentence's own text as the fact "app_error". `request`: its object has the method and path of a request whose
    token was good (v2 at debug level, which has no other request line).
    """

    pattern: re.Pattern[str]
    facts: dict[str, str] = field(default_factory=dict)
    belongs: Belongs = "request"
    of: tuple[str, str] = ("", "")
    trouble: str = ""
    error: bool = False
    request: bool = False


def _says(
    pattern: str,
    facts: dict[str, str] | None = None,
    *,
    belongs: Belongs = "request",
    of: tuple[str, str] = ("", ""),
    trouble: str = "",
    error: bool = False,
    request: bool = False,
) -> Phrase:
    return Phrase(re.compile(pattern), facts or {}, belongs, of, trouble, error, request)


_UUID = r"[0-9A-Za-z-]{8,64}"
_CODE8 = r"(?P<code>.{4,8}\.\.\.)"
_REGISTER, _AUTHORIZE, _TOKEN = ("", "register"), ("", "authorize"), ("", "token")

PHRASES: dict[str, tuple[Phrase, ...]] = {
    "Auth": (_says(r"Configured Coda client with token: (?P<token>.{1,8}\.\.\.)"),),
    "METRICS": (_says(r"Session (?P<sessionid>[^.\s]{1,8})\.\.\. - Request #\d+"),),
    "MCP": (
        _says(r"Incoming POST ", of=("POST", "")),
        _says(r"Incoming GET ", of=("GET", "")),
        _says(r"Incoming DELETE ", of=("DELETE", "")),
        _says(rf"Session initialized: (?P<sessionid>{_UUID})", {"session_new": "yes"}, of=("POST", "")),
        _says(rf"Reusing session: (?P<sessionid>{_UUID})", of=("POST", "")),
        _says(r"Connected server to new transport", of=("POST", "")),
        _says(r"POST \S+ handled", {"handled": "yes"}, of=("POST", "")),
        _says(r"GET \S+ handled", {"handled": "yes"}, of=("GET", "")),
        _says(r"DELETE \S+ handled", {"handled": "yes", "session_closed": "yes"}, of=("DELETE", "")),
        _says(r"Session termination error: ", error=True, of=("DELETE", "")),
        _says(r"SSE stream error: ", error=True, of=("GET", "")),
        _says(r"Request error: ", error=True),
    ),
    "OAUTH": (
        _says(r"(?:Protected Resource|Authorization Server) metadata requested", of=("", "")),
        _says(r"Token validation requested: (?P<token>\S{1,16}\.\.\.)"),
    ),
    "OAuth": (
        _says(r"Client registration request received", of=_REGISTER),
        _says(r"Registered client: (?P<client_id>\S{1,200})", {"registered": "yes"}, of=_REGISTER),
        _says(r"Authorization request: ", of=_AUTHORIZE),
        _says(r"Authorization code generated: (?P<code>\S{8,200})", of=_AUTHORIZE),
        _says(r"Authorization form submitted", of=_AUTHORIZE),
        _says(r"Redirecting to: (?P<callback>\S{1,4000})", of=_AUTHORIZE),
        _says(r"Failed to load authorize\.html: ", error=True, of=_AUTHORIZE),
        _says(r"Token request received", of=_TOKEN),
        _says(r"Request body: ", of=_TOKEN),
        _says(r"Request headers: ", of=_TOKEN),
        _says(r"Response: ", of=_TOKEN),
        _says(r"Token exchanged for authorization code", {"token_issued": "yes"}, of=_TOKEN),
        _says(r"Token issued successfully", {"token_issued": "yes"}, of=_TOKEN),
        _says(r"Invalid or expired authorization code: (?P<code>\S{1,200})", {"oauth_error": "code-not-found"}, of=_TOKEN),
        _says(r"(?:User info|Token introspection) requested"),
        _says(r"(?:Registration|Authorization|Token|User info|Introspection) error: ", error=True),
    ),
    "AuthStore": (
        _says(rf"Created code: {_CODE8}", of=_AUTHORIZE),
        _says(r"PKCE validation passed", {"pkce": "passed"}, of=_TOKEN),
        _says(rf"Code exchanged: {_CODE8}", of=_TOKEN),
        _says(rf"Code not found: {_CODE8}", {"oauth_error": "code-not-found"}, of=_TOKEN),
        _says(rf"Code already used: {_CODE8}", {"oauth_error": "code-used"}, of=_TOKEN),
        _says(rf"Code expired: {_CODE8}", {"oauth_error": "code-expired"}, of=_TOKEN),
        _says(rf"PKCE required but no code_verifier provided: {_CODE8}", {"oauth_error": "verifier-missing"}, of=_TOKEN),
        _says(rf"PKCE validation failed \(S256\): {_CODE8}", {"oauth_error": "pkce-failed"}, of=_TOKEN),
        # The form lost code_challenge_method, so that the verifier is compared as it is: every client fails.
        _says(rf"PKCE validation failed \(plain\): {_CODE8}", {"oauth_error": "pkce-failed", "pkce": "plain"}, of=_TOKEN),
        _says(r"Cleaned up \d+ ", belongs="outside"),
    ),
    "SSE": (
        _says(rf"(?:New connection|New connection initialized|Session): (?P<sessionid>{_UUID})", of=("GET", "")),
        _says(r"Client: \S+", of=("GET", "")),
        _says(rf"Connection closed: (?P<sessionid>{_UUID})", {"session_closed": "yes"}, belongs="outside"),
        _says(rf"Connection not found: (?P<sessionid>{_UUID})", {"session_unknown": "yes"}),
    ),
    "SSE-EXEC": (_says(r"Tool: (?P<mcp_name>[\w.-]{1,64})"),),
    "TOOL": (_says(r"Executing: (?P<mcp_name>[\w.-]{1,64})"),),
    "SEARCH": (_says(r"Error: ", {"tool_error": "yes"}, error=True), _says(r"Query: ")),
    "FETCH": (_says(r"(?:\w+ )?Error: ", {"tool_error": "yes"}, error=True), _says(r"")),
    "MEMORY": (
        _says(r"onToolCall: (?P<mcp_method>\S{1,80}) in session (?P<sessionid>[0-9A-Za-z]{1,8})"),
        _says(r"onResponse: (?P<mcp_method>\S{1,80}) ERROR", {"tool_error": "yes"}),
        _says(r"onResponse: (?P<mcp_method>\S{1,80}) OK"),
        _says(r"onSessionEnd: "),
    ),
    "CLOUDFLARE": (_says(r"Access request from: "),),
    "SECURITY": (_says(r"Rejected request from origin: (?P<origin>\S{1,200})", belongs="outside", trouble="origin-rejected"),),
    "ERROR": (
        # Printed for a body that could not be read, which is before the request has a line of its own.
        _says(r"Unhandled error: ", belongs="outside", trouble="other"),
        _says(r"(?:MCP request failed|Authentication middleware error): ", belongs="outside", trouble="other"),
    ),
    "WARN": (_says(r"Cloudflare Access JWT validation failed: ", belongs="outside", trouble="token-rejected"),),
    "AUTH": (
        _says(r"\S+ token validation failed: ", belongs="outside", trouble="token-rejected"),
        _says(r"\S+ auth successful: ", belongs="outside"),
    ),
    "Auth UI": (_says(r"", belongs="outside"),),
    "DEBUG": (_says(r"MCP request from ", belongs="outside", request=True), _says(r"", belongs="outside")),
}

TAGS = frozenset({*PHRASES, "HTTP", "coda-mcp"})

_TAGGED = re.compile(r"\[([A-Za-z][A-Za-z -]{1,15})\] ?")


def phrase_of(text: str) -> tuple[str, Phrase | None, re.Match[str] | None]:
    """The tag of a line ("" for none or an unknown one), and the sentence it is, if known."""
    tagged = _TAGGED.match(text)
    if tagged is None or tagged[1] not in TAGS:
        return "", None, None
    for phrase in PHRASES.get(tagged[1], ()):
        found = phrase.pattern.match(text, tagged.end())
        if found is not None:
            return tagged[1], phrase, found
    return tagged[1], None, None
