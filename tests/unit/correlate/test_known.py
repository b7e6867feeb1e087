"""Who was connected shortly before: remembered for a while, of good attempts alone, and within bounds."""

from __future__ import annotations

import pytest

import connwatch.correlate.known
from connwatch.correlate.known import Known
from connwatch.model.attempt import Attempt, Outcome, Step
from connwatch.model.event import Stage
from support.steps import step


def good(server: str = "mcp.example.org", client: str = "claude", outcome: Outcome = Outcome.CONNECTED) -> Attempt:
    return Attempt(f"{client}@{server}", [], client=client, server=server, outcome=outcome, ended_at=100.0)


def asked(at: float, status: int = 401, client: str | None = "claude") -> list[Step]:
    return [Step(step(Stage.SESSION, at, status, client=client), "exact")]


def test_a_client_is_known_for_a_while_on_the_server_it_was_connected_to() -> None:
    known = Known()
    known.ended(good())
    assert known.before(asked(400.0)) == "claude@mcp.example.org"
    assert known.before(asked(100.0 + 1501.0)) is None
    assert known.before(asked(400.0, client="cursor")) is None
    assert known.before(asked(400.0, client=None)) is None
    assert known.before(asked(400.0, status=200)) is None
    assert known.before([*asked(400.0), *asked(401.0)]) is None, "who asks again wants something"


def test_who_did_not_get_through_is_not_known() -> None:
    known = Known()
    known.ended(good(outcome=Outcome.STALLED))
    assert known.before(asked(101.0)) is None


def test_the_oldest_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connwatch.correlate.known, "_MOST", 2)
    known = Known()
    for server in ("mcp.example.org", "b.example", "mcp.example.org", "c.example"):
        known.ended(good(server))
    assert known.before(asked(101.0)) == "claude@mcp.example.org"
    assert len(known._last) == 2
