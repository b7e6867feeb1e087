"""Which parameters tie requests together, and under which kind of key. Sees values before they are digests, because short ones prove less.

`model.record` says what the kinds mean; `correlate.exact` which of them are beyond doubt.
"""

from __future__ import annotations

from collections.abc import Mapping

from connwatch.model.record import Role
from connwatch.parse.tokens import token_like

__all__ = ["keys_of", "visitor_of"]

#: RFC 6749 section 4.1, RFC 7636 section 4.3, the HTTP+SSE transport of MCP 2024-11-05.
_KINDS = {
    "state": "state",
    "code_challenge": "challenge",
    "code": "code",
    "client_id": "client_id",
    "sessionid": "session",
    "session_id": "session",
}
#: Opaque names of one sign-in between its pages, as servers call them. `tid` is none: it is a tenant's in Microsoft's URLs.
_TRANSACTIONS = frozenset(
    "txn txid txn_id tx transaction transaction_id request req request_id req_id rid session login_session ticket flow flow_id "  # noqa: SIM905
    "login_challenge consent_challenge interaction interaction_id auth_request auth_req_id auth_request_id request_uri authz authz_id "
    "grant_id oauth_request".split()
)
_LONG, _SHORT = 8, 2  # characters of a value that stands for one sign-in alone, and of one that does for one visitor


def keys_of(query: str, params: Mapping[str, str], visitor: str = "") -> list[tuple[str, str]]:
    """The exact keys in a query string as (kind, value); `params` is what the redactor made of it.

    `visitor`: see `visitor_of`.
    """
    keys = []
    for name, value in params.items():
        lowered = name.lower()
        kind = _KINDS.get(lowered)
        if kind is not None and value:
            keys.append((kind, value))
        elif lowered in _TRANSACTIONS and (size := _size(query, name)) >= _SHORT:
            if size >= _LONG:
                keys.append(("transaction", value))
            elif visitor:
                keys.append(("transaction", f"{value} of {visitor}"))
    return keys


def visitor_of(address: str | None, role: Role) -> str:
    """The address of who asks, "" where the log does not know it: an application's names the proxy."""
    return address or "" if role == "proxy" else ""


def _size(query: str, name: str) -> int:
    """How long the value of `name` is; 0 for a word (`flow=authorization_code`), which names no sign-in."""
    at = f"&{query}".find(f"&{name}=")
    value = query[at + len(name) + 1 :].partition("&")[0] if at >= 0 else ""
    return len(value) if token_like(value) or any(map(str.isdigit, value)) else 0
