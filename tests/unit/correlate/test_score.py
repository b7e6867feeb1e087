"""How believable it is that one fragment is the next thing the client of another did."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import KINDS
from connwatch.correlate.learn import Habits
from connwatch.correlate.score import IMPOSSIBLE, Scorer
from connwatch.model.event import Stage
from support.steps import chain, flow, fragment, step, tables


def scorer_of(*fragments: Fragment, newest: float = float("inf")) -> Scorer:
    return Scorer(tables(), Habits.of(fragments, tables()), newest)


def one(stage: Stage, at: float, status: int = 200, **more: Any) -> Fragment:
    return Fragment.of(step(stage, at, status, **more))


@pytest.fixture
def scorer() -> Scorer:
    """Of a log with a few flows in it, all from one place."""
    return scorer_of(*chain([event for at in (0.0, 20.0, 40.0) for event in flow(at)]))


def test_each_step_of_a_flow_goes_on_with_the_one_before(scorer: Scorer) -> None:
    steps = chain(flow(0.0))
    for before, after in itertools.pairwise(steps):
        assert scorer.link(before, after) > 0.0
        assert scorer.thinkable(before.tail.kind, after.head.kind)


def test_nothing_follows_what_comes_later(scorer: Scorer) -> None:
    assert scorer.link(one(Stage.TOKEN, 5.0), one(Stage.SESSION, 4.0)) == IMPOSSIBLE
    assert scorer.link(one(Stage.TOKEN, 5.0), one(Stage.SESSION, 4.97)) > 0.0  # two clocks of one machine


def test_an_absurd_order_is_not_thinkable(scorer: Scorer) -> None:
    absurd = [(before, after) for before in KINDS for after in KINDS if not scorer.thinkable(before, after)]
    assert ("challenge", "close") in absurd
    assert len(absurd) < len(KINDS) ** 2 / 2
    assert scorer.link(one(Stage.CHALLENGE, 1.0, 401), one(Stage.CLOSE, 2.0, 204)) == IMPOSSIBLE


def test_the_usual_gap_is_better_than_a_long_one(scorer: Scorer) -> None:
    token = one(Stage.TOKEN, 10.0)
    assert scorer.link(token, one(Stage.SESSION, 10.2)) > scorer.link(token, one(Stage.SESSION, 12.0)) > scorer.link(token, one(Stage.SESSION, 90.0))


def test_a_person_may_take_a_while(scorer: Scorer) -> None:
    lost_machine = scorer.link(one(Stage.CHALLENGE, 0.0, 401), one(Stage.RESOURCE_METADATA, 60.0)) - scorer.link(
        one(Stage.CHALLENGE, 0.0, 401), one(Stage.RESOURCE_METADATA, 1.0)
    )
    lost_person = scorer.link(one(Stage.REGISTRATION, 0.0, 201), one(Stage.AUTHORIZATION, 60.0, 302)) - scorer.link(
        one(Stage.REGISTRATION, 0.0, 201), one(Stage.AUTHORIZATION, 1.0, 302)
    )
    assert lost_person > lost_machine
    assert scorer.is_pause("register+", "authorize+")
    assert not scorer.is_pause("authorize+", "page")
    assert not scorer.is_pause("token+", "mcp+")


def test_the_very_same_refused_request_is_a_retry(scorer: Scorer) -> None:
    refused = one(Stage.STREAM, 1.0, 405)
    assert scorer.link(refused, one(Stage.STREAM, 2.0, 405)) > scorer.link(refused, one(Stage.STREAM, 2.0, 405, path="/other")) + 1.0


def test_a_request_without_a_token_does_not_follow_a_token(scorer: Scorer) -> None:
    token = one(Stage.TOKEN, 1.0)
    unasked = scorer.link(token, one(Stage.CHALLENGE, 1.1, 401, authorization=False))
    assert unasked < scorer.link(token, one(Stage.CHALLENGE, 1.1, 401, authorization=True))


def test_who_just_registered_uses_an_id_of_its_own() -> None:
    def authorized(at: float, client_id: str) -> Fragment:
        return one(Stage.AUTHORIZATION, at, 302, keys=[("client_id", client_id), ("state", str(at))])

    scorer = scorer_of(authorized(1.0, "all"), authorized(2.0, "all"), authorized(3.0, "mine"))
    registered, discovered = one(Stage.REGISTRATION, 4.0, 201), one(Stage.SERVER_METADATA, 4.0)
    assert scorer.link(registered, authorized(5.0, "mine")) > scorer.link(registered, authorized(5.0, "all")) + 2.0
    assert scorer.link(discovered, authorized(5.0, "all")) > scorer.link(discovered, authorized(5.0, "mine")) + 2.0
    assert scorer.link(discovered, authorized(5.0, "https://a.example/id")) == pytest.approx(scorer.link(discovered, authorized(5.0, "all")))


def test_what_this_log_does_again_and_again_becomes_believable() -> None:
    strange = [fragment(step(Stage.TOKEN, at, 400), step(Stage.RESOURCE_METADATA, at + 0.1)) for at in range(0, 900, 10)]
    fresh, taught = scorer_of(*chain(flow(0.0))), scorer_of(*strange)
    assert taught._order("", "token-", "resource+") > fresh._order("", "token-", "resource+") + 1.0


def test_two_steps_tell_more_than_one() -> None:
    known = fragment(step(Stage.AUTHORIZATION, 0.0, 302), step(Stage.TOKEN, 1.0))
    taught = scorer_of(*(fragment(*flow(float(at))) for at in range(0, 300, 10)))
    assert taught.link(known, one(Stage.SESSION, 1.2)) > 0.0
    assert taught._order("authorize+", "token+", "mcp+") != taught._order("", "token+", "mcp+")
    assert taught._order("close", "close", "mcp+") == taught._order("", "close", "mcp+")


def test_near_the_end_what_follows_may_yet_come() -> None:
    token = one(Stage.TOKEN, 100.0)
    just, later = scorer_of(token, newest=100.01), scorer_of(token, newest=200.0)
    assert just.unfinished(token) < -1.0
    assert later.unfinished(token) == 0.0


# side steps


def test_a_side_step_is_judged_where_it_would_stand(scorer: Scorer) -> None:
    group = fragment(*flow(100.0))

    def at_side(stage: Stage, at: float, status: int) -> float:
        return scorer.insertion(group, one(stage, at, status), floor=False)

    assert at_side(Stage.STREAM, 90.0, 405) == IMPOSSIBLE  # before it all
    assert at_side(Stage.STREAM, 103.0, 405) < -20.0  # while the person was asked
    assert at_side(Stage.STREAM, 105.25, 405) > 0.0  # after the session began
    assert at_side(Stage.RESOURCE_METADATA, 100.05, 404) > 0.0  # the first guess of where the metadata is
    assert at_side(Stage.RESOURCE_METADATA, 105.15, 404) < -20.0


def test_an_unusual_order_counts_little_against_what_cannot_begin(scorer: Scorer) -> None:
    group, odd = fragment(*flow(100.0)), one(Stage.CLOSE, 100.15, 204)
    assert scorer.insertion(group, odd, floor=True) > scorer.insertion(group, odd, floor=False)


def test_what_lasts_longer_than_the_next_step_leads_to_nothing(scorer: Scorer) -> None:
    group = fragment(*flow(100.0))
    stream = one(Stage.STREAM, 300.0, started_at=105.15)
    short = one(Stage.STREAM, 105.16)
    assert scorer.insertion(group, stream, floor=False) != scorer.insertion(group, short, floor=False)
