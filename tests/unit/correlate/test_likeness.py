"""How much two fragments look like one client."""

from __future__ import annotations

from typing import Any

import pytest

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.learn import Habits
from connwatch.correlate.likeness import LIMIT, likeness
from connwatch.model.event import Stage
from support.steps import step, tables

PLAIN: dict[str, Any] = {"agent": None, "address": None, "host": None}


def mcp(**more: Any) -> Fragment:
    return Fragment.of(step(Stage.SESSION, 2.0, **(PLAIN | more)))


def token(**more: Any) -> Fragment:
    return Fragment.of(step(Stage.TOKEN, 1.0, **(PLAIN | more)))


def browser(**more: Any) -> Fragment:
    return Fragment.of(step(Stage.AUTHORIZATION, 0.0, 302, **(PLAIN | more)))


@pytest.fixture
def log() -> Habits:
    """A log in which many agents and addresses are seen."""
    crowd = [mcp(agent=f"agent {n % 10}", address=f"192.0.{n % 5}.{n}", upstream=f"u{n % 4}") for n in range(40)]
    return Habits.of(crowd, tables())


def test_what_shows_nothing_says_nothing(log: Habits) -> None:
    assert likeness(mcp(), mcp(), log) == 0.0


def test_the_same_agent_speaks_for_and_another_against(log: Habits) -> None:
    assert likeness(mcp(agent="agent 1"), mcp(agent="agent 1"), log) > 2.0
    assert likeness(mcp(agent="agent 1"), mcp(agent="agent 2"), log) < -3.0


def test_an_agent_that_everybody_has_says_nothing() -> None:
    same = Habits.of([mcp(agent="node") for _ in range(9)], tables())
    assert likeness(mcp(agent="node"), mcp(agent="node"), same) == 0.0


def test_one_vendor_may_use_several_programs(log: Habits) -> None:
    strangers = likeness(mcp(agent="agent 1"), mcp(agent="agent 2"), log)
    kin = likeness(mcp(agent="agent 1", hint="claude"), mcp(agent="agent 2", hint="claude"), log)
    assert 0.0 > kin > strangers


def test_which_programs_go_together_is_learnt(log: Habits) -> None:
    one, two = token(agent="oauth lib"), mcp(agent="mcp lib")
    before = likeness(one, two, log)
    assert likeness(two, one, log) == before
    linked = [Fragment.of(step(Stage.TOKEN, 1.0, agent="oauth lib")) for _ in range(9)]
    for fragment in linked:
        fragment.add(step(Stage.SESSION, 2.0, agent="mcp lib"), "inferred")
    log.relearn(linked, tables(), None)
    assert likeness(one, two, log) > before + 1.0
    assert likeness(token(agent=""), two, log) < 0.0


def test_the_same_address_speaks_for_and_another_network_against(log: Habits) -> None:
    here = mcp(address="192.0.1.1")
    same, near, far = (likeness(here, mcp(address=address), log) for address in ("192.0.1.1", "192.0.1.6", "203.0.113.9"))
    assert same > 1.0 > 0.0 > near > far


def test_one_that_came_back_to_an_address_is_known_there(log: Habits) -> None:
    moved = mcp(address="192.0.1.1")
    moved.add(step(Stage.SESSION, 3.0, **(PLAIN | {"address": "192.0.2.2"})), "exact")
    assert likeness(moved, mcp(address="192.0.1.1"), log) > 1.0


def test_an_address_that_everybody_has_says_nothing() -> None:
    tunnel = Habits.of([mcp(address="127.0.0.1") for _ in range(9)], tables())
    assert likeness(mcp(address="127.0.0.1"), mcp(address="127.0.0.1"), tunnel) == 0.0


def test_a_browser_is_held_against_a_browser_first(log: Habits) -> None:
    person = browser(address="192.0.1.1")
    assert likeness(person, browser(address="192.0.1.1"), log) > 1.0
    cross_same, cross_other = likeness(person, token(address="192.0.1.1"), log), likeness(person, token(address="203.0.113.9"), log)
    assert cross_same > 0.0
    assert 0.0 > cross_other > likeness(person, browser(address="203.0.113.9"), log)


def test_vendors(log: Habits) -> None:
    claude, gpt, hinted = mcp(client="claude"), mcp(client="gpt"), mcp(hint="gpt")
    redirected = browser(client="gpt", redirect_host="chatgpt.com")
    assert likeness(redirected, gpt, log) > 0.0  # two witnesses agree
    assert likeness(gpt, gpt, log) == 0.0
    assert likeness(gpt, hinted, log) == 0.0
    assert likeness(redirected, claude, log) < likeness(gpt, claude, log) < 0.0
    assert likeness(claude, hinted, log) < 0.0


def test_bearers(log: Habits) -> None:
    def holding(kind: str, value: str) -> Fragment:
        return mcp(keys=[(kind, value)])

    assert likeness(holding("session", "a"), holding("session", "b"), log) < -2.0
    assert likeness(holding("session", "a"), holding("session", "a"), log) == 0.0
    assert likeness(holding("token8", "a"), holding("token8", "b"), log) < -5.0
    assert 0.0 < likeness(holding("token8", "a"), holding("token8", "a"), log) < 1.0


def test_one_connection_is_of_one_client_unless_everybody_is_on_it(log: Habits) -> None:
    def over(connection: str) -> Fragment:
        return mcp(keys=[("connection", connection)])

    assert likeness(over("c1"), over("c1"), log) > 1.0
    assert likeness(over("c1"), over("c2"), log) == 0.0
    pooled = Habits.of([over("c1") for _ in range(20)], tables())
    assert likeness(over("c1"), over("c1"), pooled) < 0.1


def test_places(log: Habits) -> None:
    assert likeness(mcp(host="a.example.org"), mcp(host="b.example.org"), log) < -2.0
    assert likeness(mcp(upstream="u1"), mcp(upstream="u1"), log) > 0.5
    assert likeness(mcp(upstream="u1"), mcp(upstream="u2"), log) < -1.0


def test_no_single_feature_decides_alone() -> None:
    rare = Habits.of([mcp(agent=str(n), address=f"10.{n}.0.1") for n in range(2000)], tables(), kept=1.0)
    assert likeness(mcp(address="10.1.0.1"), mcp(address="10.1.0.1"), rare) == LIMIT
    assert likeness(mcp(address="10.1.0.1"), mcp(address="10.2.0.1"), rare) >= -LIMIT
    assert likeness(mcp(agent="1"), mcp(agent="1"), rare) <= LIMIT
