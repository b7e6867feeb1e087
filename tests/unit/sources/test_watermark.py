"""How far the past has been seen: the rules, one sentence each."""

from __future__ import annotations

from connwatch.sources.source import EVERY_STREAM
from connwatch.sources.watermark import Watermark


def test_nothing_is_known_before_a_source_has_spoken() -> None:
    mark = Watermark(2)
    assert mark.value(100) == float("-inf")
    mark.expect("a", 100)
    assert mark.value(150) == float("-inf")


def test_a_live_stream_is_seen_up_to_now_minus_the_lateness() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "live", None, 100)
    assert mark.value(105) == 103


def test_a_backlog_counts_up_to_its_newest_stamp() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "catching_up", 50.0, 1000)
    mark.heard("b", "b", "live", 999.0, 1000)
    assert mark.value(1000) == 48
    mark.heard("a", "a", "live", 990.0, 1001)
    assert mark.value(1001) == 999


def test_a_stamp_from_the_future_does_not_run_ahead_of_the_clock() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "catching_up", 9999.0, 1000)
    assert mark.value(1000) == 998


def test_it_never_goes_back() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "live", None, 100)
    assert mark.value(100) == 98
    assert mark.value(50) == 98
    mark.heard("b", "b", "catching_up", 10.0, 101)
    assert mark.value(101) == 98


def test_a_source_that_falls_silent_holds_it_for_hold_max() -> None:
    mark = Watermark(2, hold_max=60)
    mark.heard("a", "a", "live", None, 100)
    mark.heard("a", EVERY_STREAM, "down", None, 110)
    assert mark.value(150) == 108
    assert mark.deaf(150) == {}
    assert mark.value(171) == 169
    assert mark.deaf(171) == {"a": 110}
    mark.heard("a", EVERY_STREAM, "live", None, 172)
    assert mark.deaf(172) == {}


def test_a_backlog_without_stamps_holds_it_no_longer_than_that_either() -> None:
    mark = Watermark(2, hold_max=60)
    mark.heard("a", "a", "catching_up", None, 100)
    assert mark.value(150) == float("-inf")
    assert mark.value(161) == 159


def test_a_stream_that_ended_holds_nothing() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "catching_up", 5.0, 100)
    mark.heard("b", "b", "live", None, 100)
    mark.heard("a", EVERY_STREAM, "ended", None, 100)
    assert mark.value(100) == 98


def test_lines_that_come_late_hold_it_until_the_stream_is_quiet() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "live", 1000.0, 1000, 1000, 1000.0)
    assert mark.value(1100) == 1098
    mark.heard("a", "a", "live", 1040.0, 1101, 1101, 1038.0)  # a link that was stuck lets go: these were written a minute ago
    assert mark.value(1101) == 1098
    mark.heard("a", "a", "live", 1102.5, 1102.5, 1102.5, 1095.0)  # and these from then until now
    assert mark.value(1104) == 1098
    assert mark.value(1105) == 1103


def test_a_machine_that_slept_hears_one_stream_before_the_other() -> None:
    mark = Watermark(2)
    for stream in ("a", "b"):
        mark.heard(stream, stream, "live", 1000.25, 1000.25, 1000.25, 1000.25)
    assert mark.value(1000.5) == 998.5
    mark.heard("a", "a", "live", 1003.5, 1004, 1004, 1000.75)  # three seconds of lines at once; those of b are not there yet
    assert mark.value(1004) == 998.75


def test_lines_of_no_interest_say_nothing_of_lateness() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "live", 1000.25, 1000.25, 1000.25, 1000.25)
    mark.heard("a", "a", "live", 1000.25, 1100, 1100, None)
    assert mark.value(1100) == 1098


def test_what_comes_within_the_lateness_is_in_time_and_what_comes_after_it_is_late() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "live", 1001.0, 1003.0, 1003.0, 1001.0)
    assert mark.value(1003) == 1001
    mark.heard("a", "a", "live", 1001.0, 1003.25, 1003.25, 1001.0)
    assert mark.value(1003.25) == 1001


def test_lines_that_come_in_time_again_end_the_waiting() -> None:
    mark = Watermark(2)
    mark.heard("a", "a", "live", 1000.0, 1100, 1100, 1000.0)
    assert mark.value(1100) == 998
    mark.heard("a", "a", "live", 1101.0, 1101, 1101, 1101.0)
    assert mark.value(1101) == 1099


def test_a_clock_that_is_wrong_for_good_holds_it_for_hold_max() -> None:
    mark = Watermark(2, hold_max=60)
    for second in range(200):
        mark.heard("a", "a", "live", 1000.0 + second, 4600.0 + second, 4600.0 + second, 1000.0 + second)
        assert mark.value(4600.0 + second) == (4598.0 + second if second > 60 else 998.0 + second)


def test_a_stream_that_ended_is_forgotten_whatever_its_source_says_later() -> None:
    mark = Watermark(2, hold_max=60)
    mark.heard("a", "a/1", "live", 100.0, 100)
    mark.heard("a", "a/1", "ended", 100.0, 110)
    mark.heard("a", EVERY_STREAM, "down", None, 110)  # nothing matches the pattern now
    mark.heard("a", "a/2", "live", 120.0, 120)
    assert mark.value(300) == 298
    assert mark.deaf(300) == {}


def test_a_source_without_any_stream_is_deaf() -> None:
    mark = Watermark(2, hold_max=60)
    mark.heard("a", "a/1", "live", 100.0, 100)
    mark.heard("a", "a/1", "ended", 100.0, 110)
    mark.heard("a", EVERY_STREAM, "down", None, 110)
    assert mark.deaf(300) == {"a": 110}


def test_a_stream_that_vanished_while_its_source_was_down_is_forgotten() -> None:
    mark = Watermark(2, hold_max=60)
    for stream in ("a/1", "a/2"):
        mark.heard("a", stream, "live", 100.0, 100)
    mark.heard("a", EVERY_STREAM, "down", None, 110)
    assert mark.deaf(200) == {"a": 110}
    mark.heard("a", "a/1", "live", 100.0, 200)
    assert mark.deaf(200) == {}
    assert mark.value(261) == 259
    mark.heard("a", EVERY_STREAM, "down", None, 270)
    mark.heard("a", "a/1", "live", 100.0, 280)
    assert mark.value(400) == 398
    assert mark.deaf(400) == {}


def test_a_stream_that_says_itself_that_it_is_down_is_deaf_though_its_source_speaks() -> None:
    mark = Watermark(2, hold_max=60)
    mark.heard("a", "a/2", "down", None, 100)
    mark.heard("a", EVERY_STREAM, "down", None, 110)
    mark.heard("a", "a/1", "live", 120.0, 120)
    mark.heard("a", "a/2", "down", None, 120)
    assert mark.value(300) == 298
    assert mark.deaf(300) == {"a": 100}


def test_it_goes_back_with_the_clock() -> None:
    mark = Watermark(2, hold_max=60)
    mark.heard("a", "a", "live", 5000.0, 5000)
    mark.heard("b", "b", "down", None, 4990)
    assert mark.value(5060) == 5058
    assert mark.ahead(1460) == 3598
    mark.set_back(1460)
    assert mark.value(1460.5) == float("-inf"), "b has never been heard"
    assert mark.value(1530) == 1528
    assert mark.deaf(1530) == {"b": 1460}
