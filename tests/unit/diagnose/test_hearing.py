"""A silence that somebody could not hear proves nothing."""

from __future__ import annotations

from connwatch.diagnose.hearing import Hearing
from support.attempts import the_silence

ATTEMPT = the_silence()
END = max(step.event.at for step in ATTEMPT.steps)


def test_who_is_deaf_now_is_deaf_to_every_attempt() -> None:
    hearing = Hearing()
    assert hearing.deaf_to(ATTEMPT) == frozenset()
    hearing.deaf(["nginx"])
    assert hearing.deaf_to(ATTEMPT) == {"nginx"}
    hearing.deaf([])
    assert hearing.deaf_to(ATTEMPT) == frozenset()


def test_a_gap_hides_how_an_attempt_went_on() -> None:
    hearing = Hearing()
    hearing.missed("nginx", END + 5, END + 20)
    assert hearing.deaf_to(ATTEMPT) == {"nginx"}


def test_a_gap_that_was_over_before_or_came_long_after_hides_nothing() -> None:
    hearing = Hearing()
    hearing.missed("nginx", END - 30, END - 10)
    hearing.missed("nginx", END + 3600, END + 3700)
    assert hearing.deaf_to(ATTEMPT) == frozenset()


def test_gaps_are_bounded() -> None:
    hearing = Hearing()
    for number in range(1000):
        hearing.missed(f"s{number}", END + 1, END + 2)
    assert hearing.deaf_to(ATTEMPT) == {f"s{number}" for number in range(900, 1000)}
