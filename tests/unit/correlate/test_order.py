"""Records are put back into the order of their time, and a coarse second is spread over its lines."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from connwatch.correlate.order import Reorder

FOREVER = float("inf")
Row = tuple[float, int, int, bool]  # at, source, line, coarse


def ordered(rows: list[Row], until: float = FOREVER) -> list[tuple[float, str]]:
    held: Reorder[str] = Reorder()
    for at, source, line, coarse in rows:
        held.put(at, source, line, f"{source}:{line}", coarse=coarse)
    return [(row.at, row.item) for row in held.take(until)]


def test_the_lines_of_a_coarse_second_are_spread_in_file_order() -> None:
    second = [(10.0, 0, line, True) for line in (1, 2, 3, 4)]
    assert ordered(second) == [(10.125, "0:1"), (10.375, "0:2"), (10.625, "0:3"), (10.875, "0:4")]


def test_each_log_spreads_its_own_second() -> None:
    both = [(10.0, 0, 1, True), (10.0, 0, 2, True), (10.0, 1, 1, True), (10.3, 2, 1, False)]
    assert ordered(both) == [(10.25, "0:1"), (10.3, "2:1"), (10.5, "1:1"), (10.75, "0:2")]


def test_a_coarse_second_is_due_when_it_is_over() -> None:
    held: Reorder[str] = Reorder()
    assert held.take(5.0) == []
    held.put(10.0, 0, 1, "first", coarse=True)
    assert held.take(10.9) == []
    held.put(10.0, 0, 2, "second", coarse=True)
    assert len(held) == 2
    assert [row.item for row in held.take(11.0)] == ["first", "second"]
    assert len(held) == 0


def test_fine_stamps_are_due_at_once() -> None:
    held: Reorder[str] = Reorder()
    held.put(2.5, 0, 2, "later", coarse=False)
    held.put(1.5, 1, 1, "sooner", coarse=False)
    assert [row.item for row in held.take(1.5)] == ["sooner"]
    assert [(row.at, row.source, row.line) for row in held.take(FOREVER)] == [(2.5, 0, 2)]


arrivals = st.lists(st.tuples(st.integers(0, 40).map(lambda n: n / 10), st.integers(0, 2), st.booleans()), max_size=12).map(
    lambda rows: [(at, source, line, coarse) for line, (at, source, coarse) in enumerate(rows)]
)


@settings(max_examples=30, deadline=None)
@given(arrivals, st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same(rows: list[Row], chance: object) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    came = ordered(shuffled)
    assert came == ordered(rows)
    assert [at for at, _ in came] == sorted(at for at, _ in came)


@settings(max_examples=30, deadline=None)
@given(arrivals)
def test_nothing_is_lost_between_two_looks(rows: list[Row]) -> None:
    held: Reorder[str] = Reorder()
    for at, source, line, coarse in rows:
        held.put(at, source, line, f"{source}:{line}", coarse=coarse)
    taken = [row for until in (1.0, 2.5, FOREVER) for row in held.take(until)]
    assert [(row.at, row.item) for row in taken] == ordered(rows)
