"""Links between fragments: who may follow whom at one instant, ties, rivals and doubt."""

from __future__ import annotations

from connwatch.correlate import links
from connwatch.correlate.learn import Habits
from connwatch.correlate.links import Web, uncross
from connwatch.correlate.score import Scorer
from connwatch.model.event import Event, Stage
from support.steps import chain, fragment, step, tables


def web(*fragments: object) -> Web:
    made = sorted(fragments, key=lambda f: f.place)
    return Web(made, Scorer(tables(), Habits.of(made, tables())))


def test_of_one_instant_the_order_of_the_log_is_the_order_of_events() -> None:
    def said(*serials: int) -> list[Event]:
        return [step(stage, 1.0, status, serial=(0, serial)) for (stage, status), serial in zip(both, serials, strict=True)]

    both = ((Stage.CHALLENGE, 401), (Stage.RESOURCE_METADATA, 200))
    assert web(*chain(said(1, 2))).edges().keys() == {0}
    assert web(*chain(said(2, 1))).edges() == {}


def test_nothing_leads_itself() -> None:
    long = fragment(step(Stage.RESOURCE_METADATA, 1.0), step(Stage.SERVER_METADATA, 1.2))
    assert web(long).edges() == {}


def test_who_is_spoken_for_does_not_compete() -> None:
    one, two = chain([step(Stage.CHALLENGE, 1.0, 401), step(Stage.RESOURCE_METADATA, 1.1)])
    made = web(one, two)
    assert made.edges().keys() == {0}
    assert made.edges({id(one)}) == {}


def test_a_link_that_somebody_alike_could_have_is_ambiguous_however_probable() -> None:
    apart = [step(Stage.CHALLENGE, 1.0, 401), step(Stage.RESOURCE_METADATA, 1.02)]
    alone = web(*chain(apart))
    assert alone.believe(0.6, pauses=True)
    assert alone.fragments[0].tail.link == "inferred"
    crowd = [step(stage, 1.0 + shift + n / 1000, status, serial=(0, 10 * n + shift)) for n in (0, 1) for stage, shift, status in
             ((Stage.CHALLENGE, 0, 401), (Stage.RESOURCE_METADATA, 0.02, 200))]  # fmt: skip
    together = web(*chain(crowd))
    while together.believe(0.5, pauses=True):
        pass
    assert {member.link for made in together.fragments for member in made.members[1:]} == {"ambiguous"}


def test_first_in_is_first_out_unless_the_log_says_otherwise() -> None:
    fragments = chain([step(Stage.TOKEN, 1.0), step(Stage.TOKEN, 2.0), step(Stage.SESSION, 3.0), step(Stage.SESSION, 4.0)])
    crossed = {0: 3, 1: 2}
    equal = {0: {2: 5.0, 3: 5.0}, 1: {2: 5.0, 3: 5.0}}
    assert uncross(dict(crossed), equal, fragments) == {0: 2, 1: 3}
    assert uncross({0: 2, 1: 3}, equal, fragments) == {0: 2, 1: 3}
    clear = {0: {2: 1.0, 3: 9.0}, 1: {2: 9.0, 3: 1.0}}
    assert uncross(dict(crossed), clear, fragments) == crossed
    only = {0: {3: 5.0}, 1: {2: 5.0}}
    assert uncross(dict(crossed), only, fragments) == crossed


def test_only_links_with_a_rival_are_contested() -> None:
    assert links._contested({0: {10: 5.0}, 1: {11: 5.0, 12: 4.0}, 2: {12: 5.0}}) == {(1, 11), (1, 12), (2, 12)}
    assert links._contested({0: {10: 9.0, 11: 1.0}}) == {(0, 11)}
