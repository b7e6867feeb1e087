"""Settling by counting: which piece may go on with which, and whose token nobody used."""

from __future__ import annotations

from connwatch.correlate.counting import settle_by_counting
from connwatch.correlate.fragment import Fragment
from connwatch.correlate.learn import Habits
from connwatch.correlate.score import Scorer
from connwatch.model.event import Event, Link, Stage
from support.steps import fragment, step, tables


def piece(at: float, *stages: tuple[Stage, int], link: Link = "ambiguous") -> Fragment:
    """A piece of an attempt: a step each 20 ms, all but the first tied so."""
    events = [step(stage, at + n * 0.02, status, client="claude") for n, (stage, status) in enumerate(stages)]
    made = Fragment.of(events[0])
    for event in events[1:]:
        made.add(event, link)
    return made


TOKEN, USE, READY, CLOSE = (Stage.TOKEN, 200), (Stage.SESSION, 200), (Stage.SESSION, 202), (Stage.CLOSE, 200)


def counted(*pieces: Fragment) -> list[str]:
    made = sorted(pieces, key=lambda f: f.place)
    settle_by_counting(made, Scorer(tables(), Habits.of(made, tables())), {id(one) for one in made})
    return [one.counted for one in pieces]


def test_as_many_uses_as_tokens() -> None:
    assert counted(*(piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(4))) == [""] * 4


def test_who_lacks_the_answer_that_all_others_have_did_not_use_its_token() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    assert counted(*used, piece(13.0, TOKEN, USE)) == ["", "", "", "unused"]


def test_a_second_one_in_another_piece_makes_up_for_it() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    assert counted(*used, piece(13.0, TOKEN, USE, READY, USE, USE, READY), piece(14.0, TOKEN, USE)) == ["", "", "", "", "used"]


def test_one_session_after_two_tokens_is_the_use_of_one() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    for apart in (0.0001, 0.01):
        tokens = [piece(13.0, TOKEN), piece(13.0 + apart, TOKEN)]
        assert counted(*used, *tokens, piece(13.03, USE, READY)).count("unused") == 1


def test_a_second_session_that_is_surely_its_own_makes_up_for_nothing() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    assert counted(*used, piece(13.0, TOKEN, USE, READY, USE, USE, READY, link="exact"), piece(14.0, TOKEN)) == ["", "", "", "", "unused"]


def test_a_session_of_long_ago_makes_up_for_nothing() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    assert counted(*used, piece(13.0, TOKEN), piece(5000.0, USE, READY)) == ["", "", "", "unused", ""]


def test_who_ended_a_session_had_one() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    assert counted(*used, piece(13.0, TOKEN, USE, CLOSE)) == [""] * 4


def test_what_is_nobody_elses_is_not_counted_away() -> None:
    used = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(3)]
    assert counted(*used, piece(13.0, TOKEN, USE, link="inferred")) == [""] * 4


def test_where_most_do_not_say_that_they_are_ready_nothing_is_concluded() -> None:
    assert counted(piece(10.0, TOKEN, USE, READY), piece(11.0, TOKEN, USE), piece(12.0, TOKEN, USE)) == [""] * 3


def test_where_half_do_not_say_so_whoever_asked_for_something_used_its_token() -> None:
    """Clients of the newest revision have nothing to say: a crowd of both kinds."""
    old = [piece(10.0 + n, TOKEN, USE, READY, USE) for n in range(6)]
    new = [piece(20.0 + n, TOKEN, USE, USE) for n in range(4)]
    assert counted(*old, *new) == [""] * 10


def test_there_a_second_end_of_a_session_makes_up_for_a_token_without_any_request() -> None:
    old = [piece(10.0 + n, TOKEN, USE, READY, CLOSE) for n in range(2)]
    new = [piece(20.0 + n, TOKEN, USE, USE) for n in range(4)]
    assert counted(*old, *new, piece(30.0, TOKEN)) == [""] * 7
    assert counted(*old, *new, piece(25.0, TOKEN, USE, CLOSE, USE, CLOSE), piece(30.0, TOKEN)) == [*[""] * 7, "used"]


def test_what_was_counted_before_stays_and_who_was_left_over_is_counted_when_more_comes() -> None:
    def beginning(at: float) -> Fragment:
        return fragment(step(Stage.CHALLENGE, at, 401), step(Stage.SERVER_METADATA, at + 0.02), step(Stage.REGISTRATION, at + 0.04, 201))

    def browser(at: float, state: str) -> Fragment:
        return Fragment.of(step(Stage.AUTHORIZATION, at, 302, keys=[("state", state)]))

    first, second, here, there = beginning(1.0), beginning(1.01), browser(1.5, "a"), browser(2.5, "b")
    scorer = Scorer(tables(), Habits.of([first, second, here, there], tables()))
    settle_by_counting([first, here], scorer)
    assert first.guess is here
    settle_by_counting([first, second, here, there], scorer, {id(one) for one in (first, second, here)})
    assert (first.guess, second.guess) == (here, there)
    assert there.guessed_by is second


def test_the_events_of_a_piece_stay_its_own() -> None:
    rows: list[Event] = [step(Stage.TOKEN, 10.0)]
    alone = Fragment.of(rows[0])
    assert counted(alone) == [""]
    assert [member.event for member in alone.members] == rows
