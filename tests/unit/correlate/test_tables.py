"""Order and pace of the steps, smoothed: what was never seen stays possible, and what was seen often is likely."""

from __future__ import annotations

import math

import pytest

from connwatch.correlate.kinds import KINDS
from connwatch.correlate.tables import Tables
from support.steps import tables

EMPTY = Tables.of({})
TOLD = Tables.of(
    {
        "follows": {"token+": {"mcp+": 90.0, "mcp-": 10.0}},
        "begins": {"challenge": 50.0},
        "ends": {"token+": 5.0},
        "gaps": {"token+": {"mcp+": 0.2}},
        "gaps_two": {"authorize+ token+": {"mcp+": 0.7}},
    }
)


@pytest.mark.parametrize("known", [EMPTY, TOLD, tables()], ids=["nothing known", "a little", "as shipped"])
def test_something_follows_or_nothing_does(known: Tables) -> None:
    for kind in KINDS:
        # an end is smoothed once and a step twice: the sum is near 1 rather than 1
        assert 0.7 < known.p_end(kind) + sum(known.p_next(kind, after) for after in KINDS) < 1.1
        assert min(known.p_end(kind), *(known.p_next(kind, after) for after in KINDS)) > 0.0
    assert sum(math.exp(known.log_begin(kind)) for kind in KINDS) == pytest.approx(1.0)


def test_what_was_seen_often_is_likely() -> None:
    assert TOLD.p_next("token+", "mcp+") > 5 * TOLD.p_next("token+", "mcp-") > TOLD.p_next("token+", "page")
    assert TOLD.log_begin("challenge") > -0.5 > TOLD.log_begin("token+")


@pytest.mark.parametrize(
    ("before", "good", "refused"),
    [
        ("server+", "register+", "register-"),
        ("server+", "register+", "down"),
        ("decision+", "token+", "token-"),
        ("token+", "mcp+", "down"),
        ("mcp+", "mcp+", "mcp-"),
    ],
)
def test_whatever_is_asked_for_may_be_refused_however_seldom_that_was_recorded(before: str, good: str, refused: str) -> None:
    shipped = tables()
    assert shipped.p_next(before, refused) > 0.02 * shipped.p_next(before, good)


def test_a_kind_never_seen_learns_from_its_class() -> None:
    assert TOLD.p_next("token-", "mcp+") > TOLD.p_next("token-", "page")


def test_a_gap_is_told_by_two_steps_by_one_or_not_at_all() -> None:
    assert TOLD.gap("token+", "mcp+", "authorize+") == 0.7
    assert TOLD.gap("token+", "mcp+", "page") == 0.2
    assert TOLD.gap("token+", "mcp+") == 0.2
    assert TOLD.gap("token+", "mcp-", "authorize+") == TOLD.gap("close", "token+") == 0.3
