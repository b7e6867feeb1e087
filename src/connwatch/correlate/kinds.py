"""The alphabet of the correlator: what an event is, seen only as a step that follows another.

A kind is a stage with a coarse answer. Kinds back off to classes where a pair of kinds was never seen.
Nothing here knows of times, addresses or scores.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from connwatch.model.event import Event, Stage

__all__ = ["CLASSES", "KINDS", "Leg", "can_begin", "class_of", "kind_of", "leg_of"]

Leg = Literal["mcp", "oauth", "browser"]

# kind -> (class it backs off to, leg of the client that makes it)
KINDS: dict[str, tuple[str, Leg]] = {
    "probe": ("start", "oauth"),
    "challenge": ("start", "mcp"),
    "resource+": ("metadata", "oauth"),
    "resource-": ("metadata", "oauth"),
    "server+": ("metadata", "oauth"),
    "server-": ("metadata", "oauth"),
    "register+": ("register", "oauth"),
    "register-": ("register", "oauth"),
    "authorize+": ("browser", "browser"),
    "authorize-": ("browser", "browser"),
    "page": ("browser", "browser"),
    "decision+": ("browser", "browser"),
    "decision-": ("browser", "browser"),
    "other": ("browser", "browser"),
    "token+": ("token", "oauth"),
    "token-": ("token", "oauth"),
    "mcp+": ("session", "mcp"),
    "accepted": ("session", "mcp"),
    "mcp-": ("session-", "mcp"),
    "forbidden": ("session-", "mcp"),
    "stream+": ("session", "mcp"),
    "stream-": ("session-", "mcp"),
    "close": ("session", "mcp"),
    "moved": ("broken", "mcp"),
    "down": ("broken", "mcp"),
    "preflight": ("start", "mcp"),
}
CLASSES: tuple[str, ...] = tuple(sorted({row[0] for row in KINDS.values()}))

# Kinds whose request shows that something went before it on this server: they cannot be the first thing a client ever did.
_NEEDS_BEFORE = frozenset({"accepted", "token+", "token-", "close", "decision+", "decision-", "page", "other"})

_PAIR = {
    Stage.RESOURCE_METADATA: "resource",
    Stage.SERVER_METADATA: "server",
    Stage.REGISTRATION: "register",
    Stage.TOKEN: "token",
    Stage.REFRESH: "token",
    Stage.AUTHORIZATION: "authorize",
}
_GATEWAY = frozenset({502, 503, 504})  # the proxy says them of everything that is asked for
_SESSION = frozenset({Stage.SESSION, Stage.INITIALIZE, Stage.DISCOVER, Stage.LIST, Stage.CALL, Stage.INITIALIZED})


def kind_of(event: Event) -> str:
    """The kind of an event. An unknown status counts as a good one: only its log could say otherwise."""
    return _kind(event.stage, event.method, event.status or 200)


@lru_cache(maxsize=2048)
def _kind(stage: Stage, method: str, status: int) -> str:
    if stage is Stage.PREFLIGHT or stage is Stage.OTHER:
        return stage.value
    if stage is Stage.AUTHORIZATION or stage is Stage.CONSENT:
        good = status < 400
        if stage is Stage.AUTHORIZATION:
            return "authorize+" if good else "authorize-"
        if method in {"GET", "HEAD"}:
            return "page" if good else "decision-"
        return "decision+" if good else "decision-"
    if status in _GATEWAY:
        return "down"
    if 300 <= status < 400 and status != 304:
        return "moved"
    pair = _PAIR.get(stage)
    if pair is not None:
        return pair + ("+" if status < 300 else "-")
    if status >= 500:
        return "down"
    if stage is Stage.PROBE:
        return "probe"
    if stage is Stage.CHALLENGE or status == 401:
        return "challenge"
    if stage is Stage.CLOSE:
        return "close" if status < 300 else "mcp-"
    if stage is Stage.STREAM:
        return "stream+" if status < 300 else "stream-"
    if status == 202:
        return "accepted"
    if status == 403:
        return "forbidden"
    return "mcp+" if status < 300 else "mcp-"


def class_of(kind: str) -> str:
    """The class that kinds back off to where counts are few."""
    return KINDS[kind][0]


def leg_of(kind: str) -> Leg:
    """Which of the three programs behind an attempt makes requests of this kind."""
    return KINDS[kind][1]


def can_begin(kind: str) -> bool:
    """Whether an attempt may begin with this kind, as far as the protocol goes."""
    return kind not in _NEEDS_BEFORE
