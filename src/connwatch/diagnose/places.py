"""Where in a flow a request acts, and what its answer means there. Knows nothing of the requests before and after it.

A place is coarser than a stage: all MCP requests share one, since most logs cannot tell them apart. Places are ordered by progress.
"""

from __future__ import annotations

from typing import Final

from connwatch.model.event import Event, Stage

__all__ = ["BEYOND", "GATEWAY", "MCP", "MCP_STAGES", "PLACES", "RANK", "REDIRECTS", "answered", "is_cut", "is_ok", "is_sign_in"]

MCP_STAGES: Final[frozenset[Stage]] = frozenset(
    {
        Stage.CHALLENGE,
        Stage.SESSION,
        Stage.INITIALIZE,
        Stage.INITIALIZED,
        Stage.DISCOVER,
        Stage.STREAM,
        Stage.LIST,
        Stage.CALL,
        Stage.CLOSE,
        Stage.STEP_UP,
    }
)

# "preflight", "probe" and "mcp" are worth nothing as progress; an MCP request that is served is the goal, and is told by its answer.
PLACES: Final[dict[Stage, str]] = {
    Stage.PREFLIGHT: "preflight",
    Stage.PROBE: "probe",
    Stage.RESOURCE_METADATA: "resource_metadata",
    Stage.SERVER_METADATA: "server_metadata",
    Stage.REGISTRATION: "registration",
    Stage.AUTHORIZATION: "authorization",
    Stage.CONSENT: "consent",
    Stage.TOKEN: "token",
    Stage.REFRESH: "token",
    **dict.fromkeys(MCP_STAGES, "mcp"),
}  # OTHER is missing: pages of the same browser, without a say

RANK: Final[dict[str, int]] = {
    "preflight": 0,
    "probe": 0,
    "mcp": 1,
    "resource_metadata": 2,
    "server_metadata": 3,
    "registration": 4,
    "authorization": 5,
    "consent": 6,
    "token": 7,
    "session": 8,
}
MCP: Final = RANK["mcp"]
BEYOND: Final = RANK["session"]

# nothing answered the proxy, or (499) not before the client left
GATEWAY: Final = frozenset({499, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 530})
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PAGES: Final = frozenset({"authorization", "consent"})  # a redirect is a good answer here
_SIGN_IN: Final = ("login", "signin", "sign-in", "password", "sign_in")
_CUT: Final = (55.0, 62.0)  # proxies cut idle streams after 60 s by default; the client's own time-outs are shorter or much longer


def is_ok(place: str, status: int | None) -> bool:
    """Whether the answer let the client go on. An unknown status counts as good: only its log could say otherwise."""
    if status is None:
        return True
    if 200 <= status < 300 or status == 304:
        return True
    return status in REDIRECTS and place in _PAGES


def is_sign_in(event: Event) -> bool:
    """Whether a form was sent that asks who somebody is, and not what they allow."""
    return event.method == "POST" and any(word in event.path.lower() for word in _SIGN_IN)


def is_cut(stream: Event | None) -> bool:
    """Whether a stream lasted as long as a proxy's default time-out."""
    return stream is not None and stream.duration is not None and _CUT[0] <= stream.duration <= _CUT[1]


def answered(event: Event) -> bool:
    """Whether the application itself seems to have spoken: no gateway error, no redirect of the proxy."""
    status = event.status
    return status is None or (status not in GATEWAY and status not in REDIRECTS)
