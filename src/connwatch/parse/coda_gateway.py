"""The audit lines of coda-mcp's gateway, in both of its shapes: one JSON object, or three brackets and the details as JSON.

There is no line for a request: what is logged is a decision about one. A missing token is the ordinary challenge; a token
that was looked at and refused is trouble. `status` is derived from substrings by the gateway and is wrong for an
unverifiable token ("error" either way), so the kind of event decides.
"""

from __future__ import annotations

import json
import re

from connwatch.model.record import Chatter, Detail, Record, Trouble
from connwatch.parse.gather import Message
from connwatch.parse.named import Findings
from connwatch.parse.redact import Redactor

__all__ = ["gateway_record", "is_gateway"]

_BRACKETS = re.compile(r"\[\d{4}-\d\d-\d\dT[0-9:.]{8,16}Z\] \[[\w-]{1,60}\] \[([A-Z_]{3,40})\] (\{.*\})\s*")
_DETAILS = ("sessionId", "session_id", "clientId", "path", "ip", "error", "endpoint", "userAgent")
_LONGEST = 16_384


def is_gateway(text: str) -> bool:
    """Whether a line has one of the two shapes."""
    if text.startswith('{"timestamp":'):
        return '"event_type":' in text[:400]
    return text.startswith("[2") and _BRACKETS.match(text[:_LONGEST]) is not None


def gateway_record(message: Message, format_: str, redactor: Redactor) -> Record | None:
    """The record of an audit line, None where its JSON cannot be read."""
    kind, status, details = _read(message.head)
    if not kind:
        return None
    found = Findings(redactor)
    for name in _DETAILS:
        value = details.get(name)
        if isinstance(value, str):
            found.note(name, value)
    address, path = details.get("ip"), details.get("path")
    error = details.get("error")
    place = (message.source, message.line, message.end_line, message.at)
    refused = kind == "AUTH_FAILURE" and (status == "failure" or isinstance(error, str))
    if refused or kind in ("AUTH_ERROR", "ERROR"):
        return Trouble(
            *place,
            coarse=False,
            role="app",
            format=format_,
            cause="token-rejected" if refused else "other",
            text=found.text(error) if isinstance(error, str) else kind,
            path=redactor.path(path) if isinstance(path, str) else None,
            address=found.text(address)[:45] if isinstance(address, str) else None,
        )
    if kind == "SESSION" or found.keys:
        return Detail(*place, format=format_, of=None, keys=found.keys, facts=found.facts)
    return Chatter(*place, format=format_)


def _read(text: str) -> tuple[str, str, dict[str, object]]:
    brackets = _BRACKETS.fullmatch(text) if len(text) <= _LONGEST and text.startswith("[") else None
    try:
        loaded = json.loads(brackets[2] if brackets else text[:_LONGEST])
    except (ValueError, RecursionError):
        return "", "", {}
    if not isinstance(loaded, dict):
        return "", "", {}
    if brackets:
        return brackets[1], "", loaded
    kind, status, details = loaded.get("event_type"), loaded.get("status"), loaded.get("details")
    if not isinstance(kind, str):
        return "", "", {}
    return kind, status if isinstance(status, str) else "", details if isinstance(details, dict) else {}
