"""Side steps and left-overs join the group they belong to, or nobody."""

from __future__ import annotations

from typing import Any

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.gather import gather
from connwatch.correlate.learn import Habits
from connwatch.correlate.score import Scorer
from connwatch.model.event import Stage
from support.steps import flow, fragment, step, tables


def gathered(*fragments: Fragment, kept: float | None = None, begun: tuple[Fragment, ...] = ()) -> list[Fragment]:
    ordered = sorted(fragments, key=lambda each: each.start)
    scorer = Scorer(tables(), Habits.of(ordered, tables(), kept))
    return gather(ordered, scorer, {id(each) for each in begun})


def group(at: float = 100.0, **more: Any) -> Fragment:
    made = fragment(*flow(at))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def side(at: float, stage: Stage = Stage.SESSION, status: int = 400, **more: Any) -> Fragment:
    return Fragment.of(step(stage, at, status, **more))


def test_a_parallel_400_joins_its_group() -> None:
    whole, refused = group(), side(105.15)
    assert gathered(whole, refused) == [whole]
    assert len(whole.members) == 9
    assert next(m.link for m in whole.members if m.event.status == 400) == "inferred"


def test_of_another_named_vendor_it_does_not() -> None:
    whole, refused = group(families={"claude"}), side(105.15, client="gpt")
    assert gathered(whole, refused) == [whole, refused]


def test_of_the_same_vendor_it_may_use_another_program_and_address() -> None:
    whole, refused = group(families={"claude"}), side(105.15, client="claude", agent="another", address="203.0.113.9")
    assert gathered(whole, refused) == [whole]


def test_another_program_is_somebody_else() -> None:
    whole, refused = group(), side(105.15, agent="another")
    assert gathered(whole, refused) == [whole, refused]


def test_an_oauth_program_unlike_the_mcp_program_is_somebody_else_unless_it_is_silent() -> None:
    def sessions() -> Fragment:
        return fragment(step(Stage.SESSION, 100.0), step(Stage.SESSION, 101.0))

    assert len(gathered(sessions(), side(100.5, Stage.TOKEN, 400, agent="another"))) == 2
    assert len(gathered(sessions(), side(100.5, Stage.TOKEN, 400, agent="-"))) == 1


def test_another_host_is_somebody_else() -> None:
    assert len(gathered(group(), side(105.15, host="else.example.org"))) == 2


def test_another_address_is_somebody_else_where_clients_keep_theirs() -> None:
    assert len(gathered(group(), side(105.15, address="203.0.113.9"), kept=1.0)) == 2
    assert len(gathered(group(), side(105.15, address="203.0.113.9"), kept=0.0)) == 1
    assert len(gathered(group(), side(101.5, Stage.OTHER, 404, address="203.0.113.9"), kept=1.0)) == 2


def test_the_favicon_goes_to_its_browser() -> None:
    whole = group()
    assert gathered(whole, side(101.5, Stage.OTHER, 404), kept=1.0) == [whole]


def test_a_left_over_that_cannot_begin_comes_late_but_not_too_late() -> None:
    whole, late = group(), side(150.0, Stage.INITIALIZED, 202)
    assert gathered(whole, late) == [whole]
    assert whole.tail.link == "ambiguous"
    assert len(gathered(group(), side(300.0, Stage.INITIALIZED, 202))) == 2
    assert len(gathered(group(), side(90.0, Stage.INITIALIZED, 202))) == 2


def test_nothing_joins_what_was_closed() -> None:
    whole = group()
    whole.add(step(Stage.CLOSE, 106.0, 204), "exact")
    assert len(gathered(whole, side(150.0, Stage.INITIALIZED, 202))) == 2


def test_what_looks_like_a_beginning_and_comes_after_is_one() -> None:
    assert len(gathered(group(), side(130.0, Stage.CHALLENGE, 401))) == 2


def test_a_long_fragment_is_an_attempt_of_its_own() -> None:
    assert len(gathered(group(100.0), group(100.5))) == 2


def test_of_several_groups_the_one_that_fits_best() -> None:
    near, far = group(100.0), group(30.0)
    late = side(105.4, Stage.INITIALIZED, 202)
    assert gathered(far, near, late) == [far, near]
    assert late.members[0] in near.members
    assert late.members[0].link == "ambiguous"


def test_between_equals_nobody_takes_what_may_be_a_beginning() -> None:
    assert len(gathered(group(100.0), group(100.0), side(101.5, Stage.CHALLENGE, 401))) == 3


def test_what_began_before_is_no_left_over() -> None:
    refused = side(105.15)
    assert len(gathered(group(), refused, begun=(refused,))) == 2
