"""The engine's laws: how bytes are cut, in which order logs come and how the clock steps changes no attempt."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.strategies import scenes, spoilt

from support import laws
from support.traffic import CLIENTS, Plan, Traffic, traffic

FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@FEW
@given(spoilt())
def test_whole_or_line_by_line_or_byte_by_byte(scene: Traffic) -> None:
    expected = laws.at_once(scene.logs)
    assert laws.as_lines(scene.logs) == expected
    if sum(map(len, scene.logs.values())) < 12_000:
        assert laws.as_bytes(scene.logs) == expected


@FEW
@given(spoilt(), st.randoms(use_true_random=False))
def test_blocks_cut_anywhere(scene: Traffic, chance: random.Random) -> None:
    blocks = []
    for name, text in sorted(scene.logs.items()):
        cuts = sorted({0, len(text), *(chance.randrange(len(text) + 1) for _ in range(8))})
        blocks += [(name, text[a:b]) for a, b in itertools.pairwise(cuts)]
    assert laws.as_blocks(scene.logs, blocks) == laws.at_once(scene.logs)


@FEW
@given(scenes(), st.sampled_from([0.05, 0.7, 3.0, 11.0]))
def test_small_steps_of_the_clock_or_one_jump(scene: Traffic, seconds: float) -> None:
    expected = laws.at_once(scene.logs)
    assert laws.stepped(scene.logs, seconds if seconds > 0.5 or len(expected) < 3 else 0.5) == expected


@FEW
@given(scenes(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_within_the_lateness(scene: Traffic, chance: random.Random) -> None:
    expected = laws.at_once(scene.logs)
    assert laws.interleaved(scene.logs, chance) == expected
    assert laws.watched(scene.logs, chance) == expected


@FEW
@given(scenes(), st.randoms(use_true_random=False))
def test_whether_somebody_watches_changes_nothing(scene: Traffic, chance: random.Random) -> None:
    expected = laws.at_once(scene.logs)
    assert laws.watched(scene.logs, chance, live=True) == expected
    assert laws.stepped(scene.logs, 1.0, live=True) == expected


@FEW
@given(spoilt())
def test_every_attempt_lies_within_the_time_of_its_log(scene: Traffic) -> None:
    for row in laws.at_once(scene.logs):
        assert "2026-11-23T07:59:5" < row["started_at"] <= row["ended_at"] < "2026-11-23T08:05"
        places = [(event["source"], event["line"]) for event in row["events"]]
        assert len(places) == len(set(places)), "a line is told once"


@FEW
@given(scenes())
def test_no_request_is_in_two_attempts_and_none_is_lost(scene: Traffic) -> None:
    rows = laws.at_once(scene.logs)
    places = [(event["source"], event["line"]) for row in rows for event in row["events"]]
    assert len(places) == len(set(places))
    requests = {number for number, line in enumerate(scene.logs["nginx.log"].splitlines(), 1) if b" /mcp HTTP" in line or b"/oauth/" in line}
    assert requests <= {line for source, line in places if source == "nginx.log"}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b"]), st.binary(max_size=400), min_size=1), st.floats(allow_nan=False, allow_infinity=False))
def test_no_bytes_raise(logs: dict[str, bytes], now: float) -> None:
    engine = laws.engine_for(logs)
    for name, text in logs.items():
        engine.feed(name, text, seen_at=now)
        engine.advance(now)
        engine.end_source(name)
    engine.advance(now * 2)
    engine.open_attempts()
    engine.next_deadline()
    engine.finish()
    assert engine.stats().lines == sum(text.count(b"\n") + (not text.endswith(b"\n")) for text in logs.values() if text)


#: Clients that share everything: the law holds where links are a matter of counting, too.
CROWDS: dict[str, list[Plan]] = {
    "eight interleaved behind one address": [Plan("connects", "tunnel", n * 0.35, 1.0, n) for n in range(8)],
    "twelve alike": [Plan("connects" if n % 4 else "token unused", "tunnel", n * 0.07, 1.0, n) for n in range(12)],
    "every client at once": [Plan(flavour, client, 0.5, 1.0, 3) for client in CLIENTS for flavour in ("connects", "streams", "abandons")],
}


@pytest.mark.parametrize("plans", CROWDS.values(), ids=CROWDS)
@pytest.mark.parametrize("options", [{"server": True}, {"server": False}, {"server": False, "stamps": False}], ids=["both", "proxy", "plain"])
def test_the_laws_hold_in_a_crowd(plans: list[Plan], options: dict[str, Any]) -> None:
    logs = traffic(plans, **options).logs
    expected = laws.at_once(logs)
    assert laws.as_lines(logs) == expected
    assert laws.stepped(logs, 1.0) == expected
    assert laws.watched(logs, random.Random(7), live=True) == expected
