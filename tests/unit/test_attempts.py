"""The ledger: when it decides, closes, tells, evicts and groups; events are said by their stage and come with their time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

import connwatch.attempts
from connwatch.attempts import Ledger
from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.change import Change, Closed, Evicted, Opened, Reached, Updated, Withdrawn
from connwatch.model.event import Event, Evidence, Stage
from support.said import catalogue
from support.steps import flow, step, tables


def ledger(**options: Any) -> Ledger:
    return Ledger(catalogue(), tables(), **options)


def timed(events: Iterable[Event]) -> list[tuple[float, Event]]:
    """Events as they come: in order, each with a place in a log."""
    out = []
    for number, event in enumerate(sorted(events, key=lambda event: event.at), 1):
        event.serial = (0, number)
        event.evidence = [Evidence("nginx", number, number)]
        out.append((event.at, event))
    return out


def ended(changes: Iterable[Change]) -> list[Attempt]:
    return [change.attempt for change in changes if isinstance(change, Closed | Evicted)]


def words(changes: Iterable[Change]) -> list[str]:
    return [type(change).__name__ for change in changes]


# deciding and closing


def test_an_attempt_is_closed_when_nothing_more_is_expected_of_it() -> None:
    book = ledger()
    assert book.take(timed(flow(1000.0))) == []
    assert book.advance(1006.0) == []
    due = book.due()
    assert due is not None
    assert 1006.0 < due <= 1006.0 + 10.0
    changes = book.advance(2000.0)
    assert words(changes) == ["Closed"]
    assert ended(changes)[0].outcome is Outcome.CONNECTED
    assert book.due() is None
    assert book.finish() == []


def test_whoever_watches_is_told_of_a_stall_when_its_limit_is_over_and_not_when_the_attempt_is_closed() -> None:
    book = ledger(live=True)
    events = flow(1000.0)[:6]
    for event in events:
        event.client = "claude"  # a hosted one, whose limit is twenty seconds
    book.take(timed(events))
    told: list[tuple[float, str, str]] = []
    while (due := book.due()) is not None:
        told += [(due, type(one).__name__, one.attempt.outcome.value) for one in book.advance(due) if isinstance(one, Updated | Closed)]
    last = max(event.at for event in events)
    (updated,) = [(at, outcome) for at, name, outcome in told if name == "Updated" and outcome != "waiting"]
    (closed,) = [(at, outcome) for at, name, outcome in told if name == "Closed"]
    assert updated[1] == closed[1] == "stalled"
    assert updated[0] - last <= 21.0
    assert closed[0] - last >= 60.0


def test_what_is_due_before_an_event_happens_before_it() -> None:
    book = ledger()
    changes = book.take(timed([*flow(1000.0), *flow(9000.0)]))
    assert [attempt.started_at for attempt in ended(changes)] == [1000.0]
    assert [attempt.started_at for attempt in ended(book.finish())] == [9000.0]


def test_who_left_at_the_consent_page_is_waited_for_and_then_given_up() -> None:
    book = ledger()
    said = timed(flow(1000.0)[:5])
    assert book.take(said) == []
    assert book.advance(1080.0) == []
    waiting = book.open_attempts(1080.0)
    assert [attempt.outcome for attempt in waiting] == [Outcome.WAITING]
    assert all(attempt.open for attempt in waiting)
    (attempt,) = ended(book.advance(100_000.0))
    assert attempt.outcome in (Outcome.ABANDONED, Outcome.STALLED)
    assert not attempt.open


def test_a_busy_window_is_settled_while_events_come() -> None:
    book = ledger()
    events = [step(Stage.CHALLENGE, 1000.0 + n * 0.01, 401, address=f"10.1.{n // 250}.{n % 250}") for n in range(900)]
    changes = book.take(timed(events))
    changes += book.finish()
    assert sum(len(attempt.steps) for attempt in ended(changes)) == 900


# noise


def test_noise_that_comes_together_is_one_probe_and_takes_in_the_strays_among_it() -> None:
    noise = [step(Stage.CHALLENGE, 1000.0 + n * 0.2, 404, noise="scanner", address="203.0.113.66") for n in range(5)]
    stray = step(Stage.SESSION, 1000.5, 404, address="203.0.113.66")
    book = ledger(live=True)
    changes = [*book.take(timed([*noise, stray])), *book.finish()]
    (attempt,) = ended(changes)
    assert (attempt.outcome, attempt.noise, len(attempt.steps)) == (Outcome.PROBE, "scanner", 6)


def test_noise_is_told_without_waiting_for_anybody() -> None:
    book = ledger()
    book.take(timed([step(Stage.PROBE, 1000.0, noise="monitor")]))
    due = book.due()
    assert due is not None
    assert book.advance(due - 0.001) == []
    assert [attempt.noise for attempt in ended(book.advance(due))] == ["monitor"]


def test_noise_that_grows_changes_nothing() -> None:
    book = ledger()
    ((_, event),) = timed([step(Stage.PROBE, 1000.0, noise="monitor")])
    book.take([(1000.0, event)])
    assert book.touch(event) == []


# telling


def test_who_watches_is_told_of_what_is_decided_and_of_each_step_once() -> None:
    book = ledger(live=True)
    said = timed(flow(1000.0))
    changes: list[Change] = []
    for at, event in said:
        changes += book.take([(at, event)], at)
        changes += book.advance(at + 0.01)
    assert changes == [], "nothing is decided while the window is fresh"
    changes += book.advance(1015.0)
    assert words(changes) == ["Opened", *["Reached"] * 8, "Updated"]
    changes += book.advance(5000.0)
    assert words(changes)[-1] == "Closed"
    assert len([change for change in changes if isinstance(change, Reached)]) == 8


def test_a_step_that_comes_late_is_the_one_that_is_told() -> None:
    book = ledger(live=True)
    said = timed(flow(1000.0))
    missing = said.pop(2)
    heard = [*book.take(said), *book.advance(1015.0)]
    late = missing[1]
    book.take([(1016.0, late)])
    heard = book.advance(1030.0)
    assert [change.step.event for change in heard if isinstance(change, Reached)] == [late]


def test_an_attempt_that_proves_to_be_part_of_another_is_taken_back() -> None:
    book = ledger(live=True)
    first = step(Stage.AUTHORIZATION, 1000.0, 302)
    second = step(Stage.TOKEN, 1020.0, 200)
    heard = [*book.take(timed([first, second])), *book.advance(1030.0)]
    assert sum(isinstance(change, Opened) for change in heard) == len(book.open_attempts(1030.0))
    for event in (first, second):
        event.keys.append(("code", "same"))
        heard += book.touch(event)
    heard += book.advance(1031.0)
    assert len(book.open_attempts(1031.0)) == 1
    heard += book.finish()
    opened = sum(isinstance(change, Opened) for change in heard)
    assert opened - sum(isinstance(change, Withdrawn) for change in heard) == len(ended(heard)) == 1


def test_a_beginning_that_comes_to_light_later_gives_the_attempt_another_name() -> None:
    book = ledger(live=True)
    said = timed(flow(1000.0))
    first = said.pop(0)
    first[1].keys.append(("state", "s"))
    said[0][1].keys.append(("state", "s"))
    heard = [*book.take(said), *book.advance(1015.0)]
    heard += book.take([(1016.0, first[1])])
    heard += book.advance(1017.0)
    assert [word for word in words(heard) if word in ("Opened", "Withdrawn")] == ["Opened", "Withdrawn", "Opened"]
    assert any(isinstance(change, Updated) for change in heard)


# groups


def test_of_a_group_each_attempt_keeps_its_own_lines() -> None:
    events = [event for n in range(6) for event in flow(1000.0 + n * 0.2, person=3.0)]
    changes = [*(book := ledger()).take(timed(events)), *book.finish()]
    attempts = ended(changes)
    assert sum(len(attempt.steps) for attempt in attempts) == 48
    assert any(attempt.group for attempt in attempts)
    for attempt in attempts:
        assert attempt.started_at == min(row.event.started_at for row in attempt.steps)
        assert attempt.ended_at == max(row.event.at for row in attempt.steps)


# bounds


def test_the_quietest_are_evicted_when_there_are_too_many() -> None:
    book = ledger(max_open=3)
    events = [step(Stage.CHALLENGE, 1000.0 + n * 8, 401, address=f"203.0.113.{n}", agent=f"client-{n}") for n in range(7)]
    changes = [*book.take(timed(events)), *book.advance(1060.0)]
    evicted = [change.attempt.started_at for change in changes if isinstance(change, Evicted)]
    assert len(evicted) == book.evicted == 4
    assert evicted == sorted(evicted)
    assert len(book.open_attempts(1060.0)) == 3


def test_a_crowd_that_comes_once_each_does_not_drive_out_who_goes_on() -> None:
    book = ledger(max_open=20, live=True)
    real = [step(stage, 1000.0 + n * 0.1, 200) for n, stage in enumerate((Stage.RESOURCE_METADATA, Stage.SERVER_METADATA, Stage.REGISTRATION))]
    real += [step(Stage.TOKEN, 1003.0, 200), *flood(1003.1, 600)]
    changes = book.take(timed([*real[:3], *flood(1000.5, 600), *real[3:]]))
    assert book.evicted > 1000
    evicted = [one.event.stage for change in changes if isinstance(change, Evicted) for one in change.attempt.steps]
    assert set(evicted) == {Stage.CHALLENGE}
    left = [one.event.stage for attempt in book.open_attempts(1100.0) for one in attempt.steps]
    assert Stage.TOKEN in left
    assert Stage.REGISTRATION in left


def flood(start: float, count: int) -> list[Event]:
    """So many strangers within a second, each at a host of its own."""
    return [
        step(Stage.CHALLENGE, start + n / count, 401, address=f"10.{start % 100:.0f}.{n // 250}.{n % 250}", host=f"h{start}-{n}.example.net")
        for n in range(count)
    ]


def test_what_was_evicted_leaves_nothing_to_look_at() -> None:
    book = ledger(max_open=50)
    requests = [step(Stage.AUTHORIZATION, 1000.0 + n * 0.1, 302, address=f"10.0.{n // 250}.{n % 250}", keys=[("state", str(n))]) for n in range(2000)]
    book.take(timed(requests))
    assert book.evicted > 1000
    waiting = len(book.open_attempts(1200.0))
    assert waiting <= 450
    assert len(book._agenda) <= waiting


def test_of_a_very_long_attempt_the_beginning_and_the_end_are_shown() -> None:
    events = [step(Stage.SESSION, 1000.0 + n, 200, keys=[("session", "one")]) for n in range(500)]
    changes = [*(book := ledger()).take(timed(events)), *book.finish()]
    (attempt,) = ended(changes)
    assert len(attempt.steps) == 200
    assert (attempt.steps[0].event.at, attempt.steps[-1].event.at) == (1000.0, 1499.0)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the attempts that were judged, in order."""
    calls: list[str] = []
    judge: Callable[..., float | None] = connwatch.attempts.judge

    def counted(attempt: Attempt, *args: Any, **more: Any) -> float | None:
        calls.append(attempt.id)
        return judge(attempt, *args, **more)

    monkeypatch.setattr(connwatch.attempts, "judge", counted)
    return calls


def test_an_event_costs_the_same_however_many_attempts_are_open(judged: list[str]) -> None:
    """Nobody who is open is looked at because somebody else speaks."""
    book = ledger(max_open=100_000)
    crowd = [step(Stage.CHALLENGE, 1000.0 + n * 0.02, 401, address=f"10.{n // 250}.{n % 250}.1", agent=f"client-{n}") for n in range(2000)]
    book.take(timed(crowd))
    book.advance(1052.0)
    before = len(judged)
    looked = 0
    for number in range(20):
        event = step(Stage.RESOURCE_METADATA, 1053.0 + number * 0.01, address="10.7.7.1", agent="client-1757", serial=(1, number))
        event.evidence = [Evidence("other", number, number)]
        book.take([(event.at, event)])
        looked = len(judged) - before
    assert looked <= 5
    assert len(book.open_attempts(1053.2)) > 1500
