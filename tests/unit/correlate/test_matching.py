"""Joint assignment, held against trying out every assignment there is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connwatch.correlate.matching import Edges, best_matching, posteriors

weights = st.floats(-3.0, 6.0).map(lambda value: round(value, 2))
graphs = st.dictionaries(st.integers(0, 4), st.dictionaries(st.integers(10, 14), weights, max_size=4), max_size=4)


def every_assignment(edges: Edges) -> Iterator[tuple[tuple[int, int], ...]]:
    """All ways to give every left node one right node or nobody."""
    choices = [[None, *((left, right) for right in row)] for left, row in edges.items()]
    for picked in itertools.product(*choices):
        pairs = tuple(pair for pair in picked if pair is not None)
        if len({right for _, right in pairs}) == len(pairs):
            yield pairs


def weight(edges: Edges, pairs: tuple[tuple[int, int], ...]) -> float:
    return sum(edges[left][right] for left, right in pairs)


@settings(max_examples=30, deadline=None)
@given(graphs)
def test_no_assignment_is_better_by_more_than_the_bids(edges: Edges) -> None:
    found = tuple(best_matching(edges).items())
    assert len({right for _, right in found}) == len(found)
    assert weight(edges, found) >= max(weight(edges, pairs) for pairs in every_assignment(edges)) - 0.02 * len(edges) - 1e-9
    assert all(edges[left][right] > 0.0 for left, right in found)


def test_the_second_best_of_one_makes_room_for_the_only_one_of_another() -> None:
    assert best_matching({0: {10: 5.0, 11: 4.0}, 1: {10: 3.0}}) == {0: 11, 1: 10}


def test_the_best_single_link_does_not_decide() -> None:
    assert best_matching({0: {10: 5.0, 11: 4.5}, 1: {10: 4.5, 11: 0.1}}) == {0: 11, 1: 10}


def test_equals_take_the_first() -> None:
    assert best_matching({0: {11: 1.0, 10: 1.0}}) == {0: 10}


def test_nobody_is_better_than_a_bad_one() -> None:
    assert best_matching({0: {10: -1.0}, 1: {}}) == {}


def test_a_war_of_equals_ends() -> None:
    many = {left: dict.fromkeys((10, 11), 500.0) for left in range(3)}
    assert len(best_matching(many)) == 2


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-2.0, 3.0), min_size=1, max_size=5))
def test_on_a_line_of_rivals_the_probabilities_are_exact(line: list[float]) -> None:
    edges: Edges = {}
    for index, value in enumerate(line):  # 0-10, 1-10, 1-11, 2-11, ...
        edges.setdefault((index + 1) // 2, {})[10 + index // 2] = value
    said = posteriors(edges, sweeps=200)
    ways = [(math.exp(weight(edges, pairs)), pairs) for pairs in every_assignment(edges)]
    total = sum(w for w, _ in ways)
    for pair, p in said.items():
        assert p == pytest.approx(sum(w for w, pairs in ways if pair in pairs) / total, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(graphs)
def test_nobody_follows_more_than_one(edges: Edges) -> None:
    said = posteriors(edges, sweeps=200)
    assert all(0.0 <= p <= 1.0 for p in said.values())
    for right in {pair[1] for pair in said}:
        assert sum(p for pair, p in said.items() if pair[1] == right) <= 1.05


def test_two_that_may_come_after_one_share() -> None:
    said = posteriors({0: {10: 5.0, 11: 5.0}})
    assert said[0, 10] == pytest.approx(said[0, 11]) == pytest.approx(0.5, abs=0.02)


def test_two_equals_share() -> None:
    said = posteriors({0: {10: 4.0}, 1: {10: 4.0}})
    assert said[0, 10] == pytest.approx(said[1, 10]) == pytest.approx(0.5, abs=0.02)


def test_no_weight_is_too_much() -> None:
    assert posteriors({0: {10: 1e9}, 1: {11: -1e9}}) == {(0, 10): pytest.approx(1.0), (1, 11): pytest.approx(0.0, abs=1e-9)}
    assert posteriors({}) == {}
