"""Facts of the domain: this stage was asked for, and answered so. Knows nothing of logs or of other events."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

__all__ = ["OBSERVED_STAGES", "Actor", "Event", "Evidence", "Link", "Stage"]


class Stage(StrEnum):
    """Where in the connection flow. The first eight are the stages of an attempt; the rest are steps inside them."""

    CHALLENGE = "challenge"  # an MCP request without a usable token: 401 (RFC 9728 section 5.1)
    RESOURCE_METADATA = "resource_metadata"  # RFC 9728
    SERVER_METADATA = "server_metadata"  # RFC 8414, or OpenID Connect Discovery
    REGISTRATION = "registration"  # RFC 7591
    AUTHORIZATION = "authorization"  # RFC 6749 section 4.1.1, the browser's first request
    CONSENT = "consent"  # login and consent pages, and the decision
    TOKEN = "token"  # RFC 6749 section 4.1.3
    SESSION = "session"  # any MCP request that is not the challenge
    # inside a session, where the log lets us tell them apart
    INITIALIZE = "initialize"
    INITIALIZED = "initialized"
    DISCOVER = "discover"
    STREAM = "stream"
    LIST = "list"
    CALL = "call"
    CLOSE = "close"
    # loops
    REFRESH = "refresh"
    STEP_UP = "step_up"
    # requests that belong to an attempt without being a step of it
    PREFLIGHT = "preflight"  # CORS preflight (OPTIONS)
    PROBE = "probe"  # reachability check before the flow, e.g. HEAD /
    OTHER = "other"  # a favicon, an unknown page of the same browser


OBSERVED_STAGES: tuple[Stage, ...] = (
    Stage.CHALLENGE,
    Stage.RESOURCE_METADATA,
    Stage.SERVER_METADATA,
    Stage.REGISTRATION,
    Stage.AUTHORIZATION,
    Stage.CONSENT,
    Stage.TOKEN,
    Stage.SESSION,
)

Actor = Literal["backend", "browser", "unknown"]
Link = Literal["exact", "inferred", "ambiguous"]


@dataclass(slots=True)
class Evidence:
    """Lines of one source that back an event, and what they say of it. Lines are 1-based and inclusive."""

    source: str
    line: int
    end_line: int


@dataclass(slots=True)
class Event:
    """One request of the domain, as told by one log or by both.

    `at` is the best known time of the request's end, `started_at` of its start (equal where no duration is known); seconds since the epoch.
    `stage` is by the request alone; which token-less MCP request is a challenge and which a session is told by `status`.
    `client` is the family the agent or the redirect URI names, None where neither does (a library default, a browser).
    `hint` is the weaker guess (a library agent that a family is known to use). `noise` names why this
    cannot belong to an attempt ("scanner", "health-check", "monitor", "operator", "crawler", "server-made"), or is "".
    `keys` are exact keys (kind, digest); a "client_id" among them is exact only if it proves unique.
    """

    at: float
    started_at: float
    stage: Stage
    method: str
    path: str
    status: int | None
    host: str | None
    address: str | None
    agent: str | None
    actor: Actor
    client: str | None
    hint: str | None
    noise: str
    size: int | None
    duration: float | None
    upstream: str | None
    authorization: bool | None
    redirect_host: str | None
    resource: str | None
    coarse: bool
    keys: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    referer: str | None = None
    serial: tuple[int, int] = (0, 0)  # order of arrival within the log it was first seen in: (source index, line)
