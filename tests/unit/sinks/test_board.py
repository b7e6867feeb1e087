"""Attempts can be looked up while they are open and for a while after."""

from __future__ import annotations

from connwatch.model.change import Closed, Evicted, Opened, Withdrawn
from connwatch.sinks.board import Board
from support.attempts import a_probe, connected, the_silence


def test_open_then_closed() -> None:
    board, attempt = Board(), the_silence()
    board.receive([Opened(1, attempt)])
    assert board.open() == [attempt]
    board.receive([Closed(2, attempt)])
    assert board.open() == []
    assert board.get(attempt.id) is attempt
    assert board.get("nobody") is None


def test_what_was_part_of_another_attempt_is_forgotten() -> None:
    board, attempt = Board(), the_silence()
    board.receive([Opened(1, attempt), Withdrawn(2, attempt)])
    assert board.get(attempt.id) is None
    assert list(board.newest()) == []


def test_the_latest_started_comes_first() -> None:
    board = Board()
    board.receive([Closed(1, a_probe()), Evicted(1, connected()), Opened(1, the_silence())])
    assert [one.id for one in board.newest()] == [connected().id, a_probe().id, the_silence().id]


def test_closed_attempts_are_forgotten_the_oldest_first() -> None:
    board = Board(keep=2)
    board.receive([Closed(1, connected(str(number))) for number in range(5)])
    assert {one.id for one in board.newest()} == {"3", "4"}
