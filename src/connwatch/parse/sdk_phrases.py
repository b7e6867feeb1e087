"""What the Python MCP SDK says about requests, as a table. Knows nothing of how the line was wrapped or stamped.

The SDK says nothing of a missing or refused token, a registration or a token request (protocol reference, section 3.1).
What it does say is printed while a request is answered, before uvicorn's access line of that request: `method` and `statuses`
tell which access line can be that one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["SDK_PHRASES", "SdkPhrase"]


@dataclass(frozen=True, slots=True)
class SdkPhrase:
    """One sentence. Named groups are names of `named.NAMES`; `cause` is a cause of `Trouble`, "" for none."""

    pattern: re.Pattern[str]
    method: str = ""
    statuses: frozenset[int] = frozenset()
    facts: dict[str, str] = field(default_factory=dict)
    cause: str = ""


_ID = r"(?P<sessionid>[0-9A-Za-z-]{8,64})"
_OK = frozenset({200, 202, 204})

SDK_PHRASES: tuple[SdkPhrase, ...] = (
    SdkPhrase(re.compile(rf"Created new transport with session ID: {_ID}"), "POST", _OK, {"session_new": "yes", "valid_initialize": "yes"}),
    SdkPhrase(re.compile(rf"Terminating session: {_ID}"), "DELETE", _OK, {"session_closed": "yes"}),
    SdkPhrase(re.compile(rf"Session {_ID} (?:idle timeout|crashed)"), facts={"session_closed": "yes"}),
    SdkPhrase(re.compile(rf"Rejected request with unknown or expired session ID: {_ID}"), "", frozenset({400, 404}), {}, "session-unknown"),
    SdkPhrase(re.compile(r"credential does not match"), "", frozenset({401, 403, 404}), {}, "token-rejected"),
    SdkPhrase(re.compile(r"Bearer token resource .{1,300}? is not "), "", frozenset({401}), {}, "token-audience"),
    SdkPhrase(re.compile(r"Invalid Host header"), "", frozenset({421}), {}, "host-rejected"),
    SdkPhrase(re.compile(r"Invalid Origin header"), "", frozenset({400, 403}), {}, "origin-rejected"),
)
