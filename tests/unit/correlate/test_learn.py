"""What a log teaches about itself."""

from __future__ import annotations

import pytest

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.learn import Habits, network_of
from connwatch.correlate.tables import median
from connwatch.model.event import Event, Stage
from support.steps import CHROME, HTTPX, chain, flow, fragment, step, tables


def habits_of(*fragments: Fragment, kept: float | None = None) -> Habits:
    return Habits.of(fragments, tables(), kept)


def authorized(client_id: str | None, serial: int, **keys: str) -> Event:
    named = [("client_id", client_id)] if client_id else []
    return step(Stage.AUTHORIZATION, float(serial), 302, keys=[*named, *keys.items()], serial=(0, serial))


def test_of_nothing_only_the_priors_are_known() -> None:
    known = habits_of()
    assert known.address_share == known.follows == known.gap == {}
    assert known.same_address["own"] == 0.75
    assert 0.0 < known.start_rate < 0.5, "that one attempt is under way says nothing of how often others begin"


def test_who_shares_what() -> None:
    known = habits_of(
        *chain(
            [
                step(Stage.SESSION, 1.0, upstream="10.0.0.1:80"),
                step(Stage.SESSION, 2.0, address="192.0.2.2", upstream="10.0.0.2:80"),
                step(Stage.SESSION, 3.0, address="2001:db8:1:2::3", agent="", upstream="-"),
                step(Stage.SESSION, 4.0, address=None, agent=None),
            ]
        )
    )
    assert known.address_share == {"192.0.2.1": 0.25, "192.0.2.2": 0.25, "2001:db8:1:2::3": 0.25}
    assert known.network_share == {"192.0.2": 0.5, "2001:db8:1": 0.25}
    assert known.agent_share == {HTTPX: pytest.approx(2 / 3), "-": pytest.approx(1 / 3)}
    assert known.upstream_share == {"10.0.0.1:80": 0.5, "10.0.0.2:80": 0.5}


def test_long_pauses_are_not_active_time() -> None:
    known = habits_of(*chain([step(Stage.CHALLENGE, at, 401) for at in (0.0, 1.0, 10_000.0)]))
    assert known.active == 1.0 + 1.0 + 5.0
    assert known.start_rate == pytest.approx(0.5 / 7.0)


def test_links_teach_the_pace_and_the_order() -> None:
    shipped = tables().gap("authorize+", "token+")
    known = habits_of(*(fragment(*flow(at, person=4.0)) for at in (0.0, 100.0, 200.0)))
    assert shipped < known.gap["authorize+", "token+"] < 4.0
    more = habits_of(*(fragment(*flow(at, person=4.0)) for at in range(0, 3000, 100)))
    assert more.gap["authorize+", "token+"] == pytest.approx(4.0, rel=0.15)
    assert known.follows["token+"] == {"mcp+": 3}
    assert known.follows_two["authorize+", "token+"] == {"mcp+": 3}
    assert known.typical("authorize+", "token+", "mcp+", tables()) == known.gap_two["authorize+", "token+", "mcp+"]
    assert known.typical("", "token+", "mcp+", tables()) == known.gap["token+", "mcp+"]
    assert known.spoke == {HTTPX: {HTTPX: 3}}
    assert CHROME not in known.spoke


def test_without_links_the_shipped_pace_holds() -> None:
    known = habits_of()
    pair = next(name for name in tables().gaps_two)
    after, shipped = next(iter(tables().gaps_two[pair].items()))
    earlier, before = pair.split(" ")
    assert known.typical(earlier, before, after, tables()) == shipped
    assert known.typical("close", before, after, tables()) == tables().gap(before, after)
    assert known.pace["token+"] > 0.0


def test_linked_steps_tell_whether_addresses_are_kept() -> None:
    def sessions(*addresses: str) -> Fragment:
        return fragment(*(step(Stage.SESSION, float(at), address=address) for at, address in enumerate(addresses)))

    kept = habits_of(sessions(*["192.0.2.1"] * 10))
    moved = habits_of(sessions("192.0.2.1", "192.0.2.2", "198.51.100.1"))
    assert kept.same_address["own"] > 0.9 > 0.6 > moved.same_address["own"]
    assert moved.same_network["own"] == pytest.approx(4 / 6)
    assert moved.same_address["cross"] == pytest.approx(1 / 3)  # nothing was learnt of browsers


def test_what_the_whole_log_shows_of_addresses_outweighs_one_window() -> None:
    event = [step(Stage.SESSION, 0.0, address="192.0.2.1"), step(Stage.SESSION, 1.0, address="192.0.2.2")]
    assert habits_of(fragment(*event), kept=1.0).same_address["own"] > 0.95
    assert habits_of(fragment(*event), kept=0.0).same_address["own"] < 0.05


def test_linked_steps_tell_whether_upstreams_are_kept() -> None:
    same = habits_of(fragment(*(step(Stage.SESSION, float(at), upstream="a") for at in range(9))))
    other = habits_of(fragment(*(step(Stage.SESSION, float(at), upstream=str(at)) for at in range(9))))
    assert same.same_upstream > 0.95 > 0.3 > other.same_upstream


def test_learning_again_forgets_what_is_not_believed_any_more() -> None:
    known = habits_of(fragment(*flow(0.0)))
    known.relearn(chain(flow(0.0)), tables(), 8)
    assert known.follows == known.follows_two == known.gap_two == known.spoke == {}
    assert known.start_rate == pytest.approx(7.3 / known.active)


def test_an_id_of_several_authorizations_is_common_where_others_have_their_own() -> None:
    shared = [authorized("all", 1, state="a"), authorized("all", 2, challenge="b"), authorized("all", 3)]
    assert habits_of(*chain([*shared, authorized("mine", 4, state="c"), authorized(None, 5, state="d")])).common_ids == {"all"}
    assert habits_of(*chain(shared)).common_ids == frozenset()


def test_a_network_is_a_24_or_a_48() -> None:
    assert network_of("192.0.2.77") == "192.0.2"
    assert network_of("2001:db8:1:2::3") == "2001:db8:1"


def test_the_median() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5
