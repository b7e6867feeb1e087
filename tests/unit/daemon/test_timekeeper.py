"""What time it is: never later than up to when the sources can have read."""

from __future__ import annotations

from connwatch.daemon.timekeeper import BREATH, HELD_UP, Timekeeper


class Clocks:
    """The wall's and the one that only grows, side by side."""

    def __init__(self) -> None:
        self.wall, self.elapsed = 1000.0, 50.0
        self.keeper = Timekeeper(lambda: self.wall, lambda: self.elapsed)

    def goes_on(self, seconds: float) -> None:
        self.wall += seconds
        self.elapsed += seconds


def test_while_batches_wait_it_is_when_the_last_one_was_read() -> None:
    clocks = Clocks()
    clocks.goes_on(60)
    clocks.keeper.read(1003.0)
    clocks.keeper.read(None)
    clocks.keeper.read(1002.0)
    assert clocks.keeper.time(waiting=True) == 1003.0
    assert clocks.keeper.time(waiting=False) == 1060.0


def test_what_was_read_before_the_clock_was_set_back_is_of_now() -> None:
    clocks = Clocks()
    clocks.keeper.read(4600.0)
    assert clocks.keeper.time(waiting=True) == 1000.0


def test_a_loop_that_was_held_up_lets_the_sources_read_first() -> None:
    clocks = Clocks()
    assert clocks.keeper.time(waiting=False) == 1000.0
    clocks.keeper.rests(1)
    clocks.goes_on(5)
    clocks.keeper.woke()
    assert clocks.keeper.stands()
    assert clocks.keeper.time(waiting=False) == 1000.0
    clocks.goes_on(BREATH)
    assert clocks.keeper.time(waiting=False) == 1005.0 + BREATH


def test_a_rest_that_ends_nearly_in_time_or_early_is_no_matter() -> None:
    clocks = Clocks()
    clocks.keeper.rests(1)
    clocks.goes_on(1 + HELD_UP / 2)
    clocks.keeper.woke()
    assert clocks.keeper.time(waiting=False) == clocks.wall
    clocks.keeper.rests(10)
    clocks.goes_on(1)
    clocks.keeper.woke()
    assert clocks.keeper.time(waiting=False) == clocks.wall


def test_a_machine_that_is_never_in_time_is_waited_for_a_minute_at_most() -> None:
    clocks = Clocks()
    seen = []
    for _ in range(400):
        clocks.keeper.rests(0)
        clocks.goes_on(2 * HELD_UP)
        clocks.keeper.woke()
        seen.append(clocks.wall - clocks.keeper.time(waiting=False))
    assert 59 <= max(seen) <= 61
    assert seen.count(0) > 1
