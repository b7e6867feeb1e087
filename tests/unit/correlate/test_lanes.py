"""The indexes over the open fragments."""

from __future__ import annotations

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.lanes import Lanes, lane_of
from connwatch.model.event import Stage
from support.steps import HTTPX, step

HOST = "mcp.example.org"


def token(at: float, address: str = "192.0.2.1") -> Fragment:
    return Fragment.of(step(Stage.TOKEN, at, address=address))


def test_a_speaker_is_a_host_an_address_and_an_agent() -> None:
    assert lane_of(step(Stage.TOKEN, 1.0)) == (HOST, "192.0.2.1", HTTPX)


def test_the_latest_comes_first() -> None:
    lanes = Lanes()
    one, two = token(1.0), token(2.0, "192.0.2.2")
    lanes.open(one)
    lanes.open(two)
    assert len(lanes) == 2
    assert list(lanes.last_did("token+", HOST)) == [two, one]
    assert list(lanes.last_did("token+", "else.example.org")) == []
    assert list(lanes.speaking((HOST, "192.0.2.1", HTTPX)).values()) == [one]
    assert not lanes.speaking((HOST, "192.0.2.3", HTTPX))


def test_a_fragment_that_grows_is_found_by_what_it_did_last() -> None:
    lanes = Lanes()
    one = token(1.0)
    lanes.open(one)
    for event in (step(Stage.SESSION, 2.0, address="192.0.2.9"), step(Stage.SESSION, 3.0)):
        one.add(event, "exact")
        lanes.grew(one, lane_of(event))
    assert list(lanes.last_did("token+", HOST)) == []
    assert list(lanes.last_did("mcp+", HOST)) == [one]
    assert list(lanes.speaking((HOST, "192.0.2.9", HTTPX)).values()) == [one]


def test_doing_the_same_again_makes_it_the_latest() -> None:
    lanes = Lanes()
    one, two = token(1.0), token(2.0)
    lanes.open(one)
    lanes.open(two)
    again = step(Stage.TOKEN, 3.0)
    one.add(again, "exact")
    lanes.grew(one, lane_of(again))
    assert list(lanes.last_did("token+", HOST)) == [one, two]


def test_what_is_closed_is_forgotten_wholly() -> None:
    lanes = Lanes()
    one, two = token(1.0), token(2.0)
    one.add(step(Stage.TOKEN, 3.0), "exact")
    for fragment in (one, two):
        lanes.open(fragment)
    for fragment in (one, one, two):
        lanes.close(fragment)
    assert (lanes.live, lanes._speakers, lanes._tails, lanes._place) == ({}, {}, {}, {})


def test_a_crowd_is_not_looked_through() -> None:
    lanes = Lanes()
    crowd = [token(float(at)) for at in range(100)]
    for fragment in crowd:
        lanes.open(fragment)
    found = list(lanes.last_did("token+", HOST))
    assert found == crowd[:-17:-1]
