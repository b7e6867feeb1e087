"""Events of the correlator's own tests, said by their stage, with nothing of logs or rules in between."""

from __future__ import annotations

from typing import Any

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.tables import Tables
from connwatch.model.event import Event, Stage
from support.said import catalogue

__all__ = ["CHROME", "HTTPX", "chain", "flow", "fragment", "step", "tables"]

HTTPX = "python-httpx/0.28.1"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0"
_BROWSER = frozenset({Stage.AUTHORIZATION, Stage.CONSENT, Stage.OTHER})
_PATHS = {Stage.TOKEN: "/token", Stage.AUTHORIZATION: "/authorize", Stage.CONSENT: "/consent", Stage.REGISTRATION: "/register"}
_tables: list[Tables] = []


def tables() -> Tables:
    """The shipped tables, compiled once."""
    if not _tables:
        _tables.append(Tables.of(catalogue().order))
    return _tables[0]


def step(stage: Stage, at: float, status: int | None = 200, **more: Any) -> Event:
    """One event that took no time; `more` overrides any field, and `started_at` one that did."""
    browser = stage in _BROWSER
    fields: dict[str, Any] = {
        "started_at": at,
        "method": "POST" if stage in {Stage.TOKEN, Stage.REGISTRATION, Stage.SESSION, Stage.CHALLENGE, Stage.REFRESH} else "GET",
        "path": _PATHS.get(stage, "/mcp"),
        "host": "mcp.example.org",
        "address": "198.51.100.7" if browser else "192.0.2.1",
        "agent": CHROME if browser else HTTPX,
        "actor": "browser" if browser else "backend",
        "serial": (0, int(at * 1000)),
    }
    empty = ("client", "hint", "size", "duration", "upstream", "authorization", "redirect_host", "resource")
    fields |= {**dict.fromkeys(empty), "noise": "", "coarse": False} | more
    return Event(at=at, stage=stage, status=status, **fields)


def fragment(*events: Event) -> Fragment:
    """One fragment of all these events."""
    made = Fragment.of(events[0])
    for event in events[1:]:
        made.add(event, "inferred")
    return made


def flow(at: float, backend: str = "192.0.2.1", browser: str = "198.51.100.7", agent: str = HTTPX, person: float = 4.0) -> list[Event]:
    """A whole connection: discovery, a person of `person` seconds, token, session."""
    said: list[tuple[Stage, float, int]] = [
        (Stage.CHALLENGE, 0.0, 401),
        (Stage.RESOURCE_METADATA, 0.1, 200),
        (Stage.SERVER_METADATA, 0.2, 200),
        (Stage.REGISTRATION, 0.3, 201),
        (Stage.AUTHORIZATION, 0.9, 302),
        (Stage.TOKEN, 0.9 + person, 200),
        (Stage.SESSION, 1.1 + person, 200),
        (Stage.SESSION, 1.2 + person, 202),
    ]
    return [
        step(stage, at + after, status, address=browser) if stage in _BROWSER else step(stage, at + after, status, address=backend, agent=agent)
        for stage, after, status in said
    ]


def chain(events: list[Event]) -> list[Fragment]:
    """Each event as a fragment of its own."""
    return [Fragment.of(event) for event in events]
