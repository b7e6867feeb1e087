"""What is due when: whole seconds, in order, and nothing stale."""

from __future__ import annotations

from connwatch.correlate.agenda import Agenda


def taken(agenda: Agenda) -> list[tuple[float, list[int]]]:
    out = []
    while len(agenda):
        out.append((agenda.due(), agenda.take()))
    return out


def test_what_is_due_comes_by_whole_seconds_in_order_of_entry() -> None:
    agenda = Agenda()
    for key, when in ((1, 20.2), (2, 10.9), (3, 20.9), (4, 11.0)):
        agenda.put(key, when)
    assert agenda.when(1) == 21
    assert taken(agenda) == [(11, [2, 4]), (21, [1, 3])]
    assert (agenda.due(), agenda.take()) == (float("inf"), [])


def test_what_is_moved_is_due_once() -> None:
    agenda = Agenda()
    agenda.put(1, 10.0)
    agenda.put(1, 30.0)
    agenda.put(2, 20.0)
    agenda.put(2, 20.0)
    assert len(agenda) == 2
    assert taken(agenda) == [(20, [2]), (30, [1])]


def test_what_is_dropped_is_not_due() -> None:
    agenda = Agenda()
    agenda.put(1, 10.0)
    agenda.drop(1)
    agenda.drop(2)
    assert agenda.when(1) is None
    assert agenda.due() == float("inf")
    assert agenda.take() == []
