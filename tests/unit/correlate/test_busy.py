"""One by one, where too many compete."""

from __future__ import annotations

from typing import Any

from connwatch.correlate.busy import Busy
from connwatch.correlate.fragment import Fragment
from connwatch.correlate.kinds import KINDS
from connwatch.correlate.lanes import Lanes
from connwatch.correlate.learn import Habits
from connwatch.model.event import Link, Stage
from support.steps import chain, flow, step, tables


class Crowd:
    """Open fragments, and what is linked to what."""

    def __init__(self, *open_ones: Fragment, kept: float | None = None) -> None:
        self.lanes = Lanes()
        self.links: list[tuple[Fragment, Fragment, Link]] = []
        for fragment in open_ones:
            self.lanes.open(fragment)
        lessons = [event for at in (0.0, 20.0, 40.0) for event in flow(at)]
        crowd = [step(Stage.SESSION, 60.0 + n, address=f"192.0.{n}.{n}", agent=f"agent {n}") for n in range(40)]
        habits = Habits.of([*chain([*lessons, *crowd]), *open_ones], tables(), kept)
        self.busy = Busy(tables(), habits, self.lanes, lambda one, two, link: self.links.append((one, two, link)))

    def link(self, *fresh: Fragment) -> list[tuple[Fragment, Fragment, Link]]:
        for fragment in fresh:
            self.lanes.open(fragment)
        self.busy.link(fresh)
        return self.links


def token(at: float, **more: Any) -> Fragment:
    return Fragment.of(step(Stage.TOKEN, at, **more))


def session(at: float, **more: Any) -> Fragment:
    return Fragment.of(step(Stage.SESSION, at, **more))


def other(n: int) -> dict[str, str]:
    return {"address": f"192.0.2.{n}"}


def test_it_goes_on_with_the_only_one_that_fits() -> None:
    before, after = token(100.0), session(100.2)
    assert Crowd(before).link(after) == [(before, after, "inferred")]


def test_it_goes_on_with_the_oldest_that_fits_nearly_as_well() -> None:
    oldest, younger, after = token(100.0), token(100.01), session(100.2)
    assert Crowd(younger, oldest).link(after) == [(oldest, after, "ambiguous")]


def test_much_better_is_better_than_older() -> None:
    long_ago, just_now, after = token(20.0), token(100.0), session(100.2)
    assert Crowd(long_ago, just_now).link(after) == [(just_now, after, "inferred")]


def test_of_the_same_speaker_if_there_is_one() -> None:
    others, mine, after = token(100.0, **other(2)), token(100.0, **other(3)), session(100.2, **other(3))
    assert Crowd(others, mine).link(after) == [(mine, after, "inferred")]


def test_of_another_speaker_where_there_is_none_in_a_pool() -> None:
    before, after = token(100.0, **other(2)), session(100.2, **other(3))
    assert Crowd(before, kept=0.0).link(after) == [(before, after, "inferred")]


def test_nothing_goes_on_with_what_comes_later_or_with_itself() -> None:
    after = session(100.2)
    assert Crowd(token(101.0), token(101.0, **other(2))).link(after) == []


def test_a_beginning_goes_on_with_nothing() -> None:
    assert Crowd(token(100.0)).link(Fragment.of(step(Stage.CHALLENGE, 100.2, 401))) == []


def test_a_bad_fit_is_a_new_attempt() -> None:
    assert Crowd(token(100.0, agent="agent 1", **other(2)), kept=1.0).link(session(160.0, agent="agent 2")) == []


def test_what_was_merged_meanwhile_is_left_alone() -> None:
    crowd = Crowd(token(100.0))
    crowd.busy.link([session(100.2)])  # not open
    assert crowd.links == []


def test_a_crowd_is_not_looked_through() -> None:
    crowd = Crowd(*(token(100.0 + n / 1000) for n in range(50)))
    scored = crowd.busy._rivals(session(100.2), _Anything())
    assert len(scored) == 8
    strangers = Crowd(*(token(100.0 + n / 1000, **other(n)) for n in range(50)))
    assert len(strangers.busy._rivals(session(100.2, **other(99)), _Anything())) == 8


class _Anything:
    """A scorer to whom everything is thinkable."""

    def thinkable(self, before: str, after: str) -> bool:
        return before in KINDS
