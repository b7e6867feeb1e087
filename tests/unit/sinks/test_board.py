"""Attempts can be looked up while they are under way."""

from __future__ import annotations

from connwatch.model.change import Closed, Evicted, Opened, Updated, Withdrawn
from connwatch.sinks.board import Board
from support.attempts import a_probe, connected, the_silence


def test_open_then_closed() -> None:
    board, attempt = Board(), the_silence()
    board.receive([Opened(1, attempt)])
    assert board.open() == [attempt]
    board.receive([Closed(2, attempt)])
    assert board.open() == []


def test_what_was_part_of_another_attempt_is_forgotten() -> None:
    board, attempt = Board(), the_silence()
    board.receive([Opened(1, attempt), Withdrawn(2, attempt)])
    assert board.open() == []


def test_what_was_under_way_before_goes_on() -> None:
    board = Board()
    board.begin([the_silence(), connected()])
    board.receive([Closed(1, connected()), Evicted(1, a_probe())])
    assert [one.id for one in board.open()] == [the_silence().id]


def test_the_latest_version_is_the_one_that_stands() -> None:
    board, attempt, later = Board(), the_silence(), the_silence()
    board.receive([Opened(1, attempt), Updated(2, later)])
    assert board.open()[0] is later
