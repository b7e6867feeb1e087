"""A log tells whether its clients keep their addresses: a speaker's own last step, held against another speaker's."""

from __future__ import annotations

import itertools

import pytest

from connwatch.correlate import sticky
from connwatch.correlate.lanes import Lane
from connwatch.correlate.sticky import Stickiness

FLOW = ("challenge", "resource+", "server+", "register+", "token+", "mcp+")
NEXT = dict(itertools.pairwise(FLOW))


def goes_on(before: str) -> tuple[str, ...]:
    return (NEXT[before],) if before in NEXT else ()


def lane(client: int) -> Lane:
    return "mcp.example.org", f"192.0.2.{client}", "node"


def clients(seen: Stickiness, rounds: int, *, pool: bool) -> None:
    """Four clients in turn, each at another place of its flow; in a pool the address says nothing of who it is."""
    for number in range(rounds):
        for client in range(4):
            kind = FLOW[(number + client) % len(FLOW)]
            speaker = (client + number) % 4 if pool else client
            seen.note(lane(speaker), kind, number + client / 4, goes_on, first=kind == FLOW[0])


def test_nothing_is_believed_before_enough_was_seen() -> None:
    seen = Stickiness()
    clients(seen, 20, pool=False)
    assert seen.share() is None


def test_clients_that_keep_their_addresses() -> None:
    seen = Stickiness()
    clients(seen, 120, pool=False)
    share = seen.share()
    assert share is not None
    assert share > 0.95
    assert seen.own == seen.own_all
    assert seen.control < seen.control_all


def test_a_pool_of_addresses() -> None:
    seen = Stickiness()
    clients(seen, 200, pool=True)
    assert seen.share() == 0.0


def test_a_single_client_has_no_control() -> None:
    seen = Stickiness()
    for number in range(400):
        seen.note(lane(1), FLOW[number % 6], float(number), goes_on, first=number % 6 == 0)
    assert seen.control_all == 0.0
    assert seen.share() == 1.0


def test_after_a_long_pause_a_speaker_may_be_somebody_else() -> None:
    seen = Stickiness()
    seen.note(lane(1), "token+", 0.0, goes_on, first=False)
    seen.note(lane(2), "token+", 0.0, goes_on, first=False)
    seen.note(lane(1), "mcp+", 500.0, goes_on, first=False)
    assert (seen.own_all, seen.control_all) == (0.0, 0.0)


def test_old_habits_fade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sticky, "_FADE", 100)
    seen = Stickiness()
    clients(seen, 100, pool=False)
    assert seen.own_all <= 100


def test_only_so_many_speakers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sticky, "_SPEAKERS", 3)
    seen = Stickiness()
    for client in range(10):
        seen.note(("h", "a", f"agent {client}"), "token+", 1.0, goes_on, first=False)
    assert len(seen._last) == len(seen._agents) == 3
