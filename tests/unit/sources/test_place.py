"""Reading goes on where it was, and what comes again is known; what is not there any more is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.sources.frames import LogLine, Restart
from connwatch.sources.landmarks import Landmarks
from connwatch.sources.place import OVERLAP, STEP, Place
from connwatch.sources.reading import Reading

SECOND = 1_000_000_000


def line(at: int, text: str = "x", channel: int = 1) -> LogLine:
    return LogLine(at, channel, f"{at} {text}\n".encode())


def again(place: Place) -> Place:
    """The same place in another process."""
    other = Place.parse(place.cursor())
    other.reopen()
    return other


def since(place: Place) -> int:
    seconds, nanos = place.since().split(".")
    return int(seconds) * SECOND + int(nanos)


@given(
    steps=st.lists(st.tuples(st.integers(0, OVERLAP // 2), st.sampled_from(["a", "b"]), st.sampled_from([1, 2])), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=4),
)
def test_a_log_read_in_parts_gives_every_line_once(steps: list[tuple[int, str, int]], cuts: list[int]) -> None:
    """Equal stamps and equal texts among them."""
    log, at = [], SECOND
    for step, text, channel in steps:
        at += step
        log.append(line(at, text, channel))
    read: list[LogLine] = []
    place = Place("id", 0)
    for end in [*sorted(cuts), len(log)]:
        place = again(place)
        start = since(place)
        for one in log[:end]:
            if one.at is not None and one.at >= start:
                assert place.lost_before(one) is None
                if place.take(one):
                    read.append(one)
    assert read == log


def test_a_line_that_was_stored_late_is_not_lost() -> None:
    place = Place("id", 0)
    assert place.take(line(10 * SECOND))
    resumed = again(place)
    assert since(resumed) <= 10 * SECOND
    later = [line(10 * SECOND), line(10 * SECOND - 5, "of the other channel"), line(11 * SECOND)]
    assert [resumed.take(one) for one in later] == [False, True, True]


def test_the_first_line_after_a_hole_says_where_the_hole_began() -> None:
    place = Place("id", 0)
    place.take(line(10 * SECOND))
    resumed = again(place)
    assert resumed.lost_before(line(15 * SECOND)) == 10 * SECOND
    assert resumed.take(line(15 * SECOND))
    assert resumed.lost_before(line(16 * SECOND)) is None


def test_without_a_line_that_was_seen_nothing_is_claimed() -> None:
    place = Place("id", 0)
    place.skip_to(10 * SECOND)
    resumed = again(place)
    assert since(resumed) == 10 * SECOND + 1
    assert resumed.lost_before(line(15 * SECOND)) is None


def test_a_clock_that_was_set_back_does_not_hide_new_lines() -> None:
    place = Place("id", 0)
    place.take(line(100 * SECOND))
    assert place.take(line(40 * SECOND))
    assert since(again(place)) == 40 * SECOND
    far = Place("id", 0)
    far.take(line(100 * SECOND))
    assert far.went_back(40 * SECOND)
    assert since(far) == 40 * SECOND
    assert not far.went_back(40 * SECOND + STEP)


def test_a_newest_line_that_would_not_come_shows_a_clock_that_was_set_back_a_little() -> None:
    place = Place("id", 0)
    place.take(line(100 * SECOND))
    assert not place.went_back(100 * SECOND), "it is known"
    other = again(place)
    assert since(other) == 100 * SECOND
    assert not other.went_back(100 * SECOND + 1), "it will come"
    assert other.went_back(100 * SECOND - STEP // 2)
    assert since(other) == 100 * SECOND - STEP // 2


def test_many_lines_after_a_clock_that_was_set_back_a_little_are_taken() -> None:
    place = Place("id", 0)
    place.take(line(100 * SECOND))
    for number in range(200):
        assert place.take(line(100 * SECOND - STEP // 2 + number))
    assert since(again(place)) <= 100 * SECOND - STEP // 2 + 199
    assert place.knows(100 * SECOND - STEP // 2 + 199)


def test_a_newest_line_that_is_older_than_what_was_read_is_waited_for() -> None:
    place = Place("id", 0, at=100 * SECOND)
    reading = Reading(place, terminal=False, target=None)
    reading.announce(40 * SECOND)
    assert reading.awaits()
    place.take(line(40 * SECOND))
    reading.announce(40 * SECOND)
    assert not reading.awaits()


def test_a_line_whose_end_has_not_come_is_read_again() -> None:
    place = Place("id", 0)
    place.take(line(10 * SECOND))
    assert since(Place.parse(place.cursor(pending=3 * SECOND))) == 3 * SECOND


def test_a_cursor_stays_small() -> None:
    place = Place("f" * 64, 1795420564)
    for number in range(10_000):
        place.take(line(1795420564 * SECOND + number))
    assert len(place.cursor()) < 4000


@pytest.mark.parametrize(
    "cursor",
    ["", "{}", "[]", "7", '{"id":"x","created":1}', '{"id":"x","created":"?","at":1,"seen":[]}', '{"id":"x","created":1,"at":1,"seen":[3]}'],
)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Place.parse(cursor)


def test_a_cursor_is_plain_json() -> None:
    place = Place("id", 7)
    place.take(line(SECOND))
    assert json.loads(place.cursor()).keys() == {"id", "created", "made", "at", "seen"}


def test_a_line_that_may_be_two_comes_when_the_engine_says_which_is_the_newest() -> None:
    place = Place("id", 0)
    reading = Reading(place, terminal=True, target=None, restart=Restart(2 * SECOND, 3 * SECOND))
    words, again = "1970-01-01T00:00:01.000000000Z prompt> ", "1970-01-01T00:00:04.000000000Z again"
    assert reading.take(f"{words}{again}\r\n".encode()) == []
    assert [part.data.decode() for part in reading.announce(4 * SECOND)] == [f"{words}\n{again}\n"]
    assert not reading.awaits()
    assert place.knows(4 * SECOND)


def test_a_place_knows_when_its_container_was_made_in_another_process() -> None:
    place = Place("id", 7)
    place.made = 7 * SECOND + 1
    assert Place.parse(place.cursor()).made == 7 * SECOND + 1
    assert Place.parse('{"id":"id","created":7,"at":1,"seen":[]}').made == 0, "nobody looked so closely"


def test_an_announced_line_that_others_pass_is_missed_once() -> None:
    landmarks = Landmarks(last=5)
    landmarks.add(10)
    landmarks.passed(8)
    assert landmarks.ahead(8)
    assert landmarks.missed() == []
    landmarks.passed(12)
    landmarks.passed(14)
    assert landmarks.missed() == [(8, 12)]
    assert landmarks.missed() == []


def test_an_announced_line_that_comes_is_not_missed() -> None:
    landmarks = Landmarks(target=10)
    landmarks.passed(12)  # of the other channel, stored a little earlier
    landmarks.passed(10)
    assert landmarks.missed() == []
    assert landmarks.target is None


def test_a_log_whose_oldest_line_is_ahead_was_faster_than_its_reader() -> None:
    landmarks = Landmarks(last=5)
    landmarks.held(100, 5)
    landmarks.passed(7)  # what the open stream still gives of the old files
    assert landmarks.missed() == []
    landmarks.passed(100)
    assert landmarks.missed() == [(7, 100)]
    landmarks.passed(101)
    assert landmarks.missed() == []


SECOND = 1_000_000_000


def test_a_pause_in_which_the_whole_log_turned_over_may_hide_lines() -> None:
    landmarks = Landmarks(last=1 * SECOND)
    for at in (90, 91):  # what was missed before reading began is told elsewhere
        landmarks.passed(at * SECOND)
    assert landmarks.paused
    landmarks.held(80 * SECOND, 91 * SECOND)  # all of it is still there: nothing was missed
    assert not landmarks.paused
    assert landmarks.missed() == []
    landmarks.passed(95 * SECOND)
    landmarks.passed(95 * SECOND + 1)
    landmarks.held(93 * SECOND, 95 * SECOND + 1)
    assert landmarks.missed() == [(91 * SECOND, 95 * SECOND)]
    landmarks.held(94 * SECOND, 95 * SECOND + 1)
    assert landmarks.missed() == [], "once"


def test_a_pause_around_a_landmark_that_was_passed_is_told_as_that() -> None:
    for told_first in (True, False):
        landmarks = Landmarks()
        landmarks.passed(1 * SECOND)
        landmarks.add(3 * SECOND)
        landmarks.passed(9 * SECOND)
        found = landmarks.missed() if told_first else []
        landmarks.held(8 * SECOND, 9 * SECOND)
        assert [*found, *landmarks.missed()] == [(1 * SECOND, 9 * SECOND)]
