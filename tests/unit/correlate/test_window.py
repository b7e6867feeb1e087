"""The window: what joins at once, what waits, and what is decided when; by exact keys, by pages, by speakers, jointly or one by one."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.window import LOOKAHEAD, PATIENCE, QUIET, Window
from connwatch.model.event import Event, Stage
from support.steps import CHROME, flow, step, tables


def window(events: Iterable[Event] = ()) -> Window:
    made = Window(tables())
    for number, event in enumerate(events, 1):
        event.serial = (0, number)
        made.add(event)
    return made


def kinds(made: Window) -> list[list[str]]:
    """The open fragments by their kinds of steps, in order of their beginning."""
    return [[member.kind for member in fragment.members] for fragment in sorted(made.all_open(), key=lambda f: (f.start, f.head.event.serial))]


def settled(made: Window) -> Window:
    due = made.due()
    assert due is not None
    made.settle(float("inf"))
    assert made.due() is None
    return made


# exact keys


def test_an_exact_key_joins_at_once_and_merges_what_was_apart() -> None:
    token = step(Stage.TOKEN, 3.0, keys=[("code", "c")])
    page = step(Stage.AUTHORIZATION, 2.0, 302, keys=[("state", "s")])
    back = step(Stage.CONSENT, 2.5, 302, keys=[("state", "s"), ("code", "c")], method="POST")
    made = window([page, token])
    assert kinds(made) == [["authorize+"], ["token+"]]
    back.serial = (0, 9)
    made.add(back)
    assert kinds(made) == [["authorize+", "decision+", "token+"]]
    assert [member.link for member in next(iter(made.all_open())).members] == ["exact"] * 3
    assert len(made.gone) == 1


def test_a_hint_is_no_exact_key() -> None:
    one, two = step(Stage.SESSION, 1.0, keys=[("token8", "t")]), step(Stage.SESSION, 1.1, keys=[("token8", "t")], address="192.0.2.9")
    assert len(kinds(window([one, two]))) == 2


def test_a_key_that_is_learnt_later_joins_too_wherever_the_event_has_gone_meanwhile() -> None:
    events = [*flow(0.0), step(Stage.SESSION, 4000.0, address="203.0.113.9", agent="other")]
    made = settled(window(events))
    assert len(kinds(made)) == 2
    for event in (events[3], events[-1]):
        event.keys.append(("session", "one"))
        made.touch(event)
    assert len(kinds(made)) == 1


def test_an_event_that_learns_its_address_leaves_nothing_behind_in_the_indexes() -> None:
    event = step(Stage.STREAM, 1.0, address=None, agent=None)
    made = window([event])
    event.address, event.agent = "192.0.2.1", "x"
    made.touch(event)
    (home,) = made.all_open()
    made.close(home)
    assert list(made.lanes.speaking((event.host, None, None))) == []
    assert list(made.lanes.speaking((event.host, "192.0.2.1", "x"))) == []


def test_what_has_ended_keeps_no_keys() -> None:
    event = step(Stage.SESSION, 1.0, keys=[("session", "one")])
    made = window([event])
    (home,) = made.all_open()
    made.close(home)
    made.touch(event)
    assert list(made.all_open()) == []
    again = step(Stage.SESSION, 2.0, keys=[("session", "one")], serial=(0, 2))
    made.add(again)
    assert kinds(made) == [["mcp+"]]


def test_keys_follow_what_the_joint_assignment_put_together() -> None:
    events = flow(0.0)
    events[3].keys.append(("client_id", "mine"))
    made = settled(window(events))
    assert kinds(made) == [["challenge", "resource+", "server+", "register+", "authorize+", "token+", "mcp+", "accepted"]]
    made.add(step(Stage.AUTHORIZATION, 9.0, 302, keys=[("client_id", "mine"), ("state", "again")], serial=(0, 20)))
    assert len(kinds(made)) == 1, "a client id that only one has is exact, however often its registration was looked at"


# pages


@pytest.mark.parametrize(("after", "together"), [(2.0, True), (20.0, False)])
def test_a_consent_page_belongs_to_the_authorization_just_before_it(after: float, *, together: bool) -> None:
    made = window([step(Stage.AUTHORIZATION, 1.0, 302, keys=[("state", "s")]), step(Stage.CONSENT, 1.0 + after, keys=[("transaction", "t")])])
    assert (len(kinds(made)) == 1) == together


def test_a_page_of_another_browser_belongs_to_nobody_yet() -> None:
    made = window([step(Stage.AUTHORIZATION, 1.0, 302), step(Stage.CONSENT, 1.5, agent=f"{CHROME} Edg/130")])
    assert len(kinds(made)) == 2


def test_a_page_of_an_attempt_that_ended_belongs_to_nobody() -> None:
    made = window([step(Stage.AUTHORIZATION, 1.0, 302)])
    made.close(next(iter(made.all_open())))
    made.add(step(Stage.CONSENT, 1.5, serial=(0, 2)))
    assert kinds(made) == [["page"]]


def test_a_flood_of_authorizations_is_not_remembered_for_ever() -> None:
    made = window()
    for number in range(3000):
        made.add(step(Stage.AUTHORIZATION, number * 0.01, 302, agent=f"browser {number}", serial=(0, number)))
        made.close(next(iter(made.all_open())))
    assert len(made._opened) <= 1000
    assert not made._home


# speakers


def learnt() -> Window:
    """A window that has seen a hundred clients keep their addresses."""
    made = window()
    for number in range(100):
        for event in flow(number * 20.0, backend=f"192.0.2.{number}", person=1.0):
            event.serial = (0, len(made._home) + 10_000 * number)
            due = made.due()
            if due is not None and event.started_at > due:
                made.settle(float("inf"))
            made.add(event)
    made.settle(float("inf"))
    for fragment in list(made.all_open()):
        made.close(fragment)
    return made


def test_where_clients_keep_their_addresses_a_speaker_goes_on_at_once() -> None:
    made = learnt()
    for number, event in enumerate(flow(5000.0, backend="203.0.113.1")[:4]):
        event.serial = (1, number)
        made.add(event)
    assert kinds(made) == [["challenge", "resource+", "server+", "register+"]]
    made.add(step(Stage.TOKEN, 5200.0, address="203.0.113.1", serial=(1, 9)))
    assert len(kinds(made)) == 2, "after such a pause it may be somebody else"


def test_a_session_of_another_name_is_another_one_though_the_speaker_is_the_same() -> None:
    made = learnt()
    for number, name in enumerate(("one", "two")):
        made.add(step(Stage.SESSION, 5000.0 + number, address="203.0.113.1", keys=[("session", name)], serial=(1, 2 * number)))
        made.add(step(Stage.SESSION, 5000.5 + number, 202, address="203.0.113.1", keys=[("session", name)], serial=(1, 2 * number + 1)))
    assert kinds(made) == [["mcp+", "accepted"]] * 2


def test_of_two_that_a_speaker_may_go_on_with_none_is_chosen_at_once() -> None:
    made = learnt()
    for number in range(2):
        made.add(step(Stage.CHALLENGE, 5000.0 + number * 0.1, 401, address="203.0.113.1", serial=(1, number)))
    made.add(step(Stage.RESOURCE_METADATA, 5000.3, address="203.0.113.1", serial=(1, 7)))
    assert len(kinds(made)) == 3


# settling


def test_a_window_is_due_when_it_has_been_quiet_or_when_somebody_has_waited_too_long() -> None:
    made = window()
    assert made.due() is None
    made.add(step(Stage.CHALLENGE, 100.0, 401))
    assert made.due() == 100.0 + QUIET
    at, serial = 100.0, 1
    while (made.due() or 0.0) > at:
        at += LOOKAHEAD * 0.6
        serial += 1
        made.add(step(Stage.CHALLENGE, at, 401, address=f"192.0.2.{serial}", serial=(0, serial)))
    assert at < 100.0 + PATIENCE + QUIET, "talk of others does not keep anybody waiting for ever"


def test_what_is_still_going_on_stays_fresh() -> None:
    made = window([step(Stage.CHALLENGE, 1.0, 401), step(Stage.CHALLENGE, 9.0, 401, address="192.0.2.2")])
    made.settle(5.0)
    assert [fragment.start for fragment in made.fresh.values()] == [9.0]
    made.settle(5.0)
    assert [fragment.start for fragment in made.fresh.values()] == [9.0], "asked again, nothing is decided twice"


def crowd(count: int, start: float = 0.0) -> list[Event]:
    """Many attempts at once, each from an address of its own."""
    events = [event for n in range(count) for event in flow(start + n * 0.03, backend=f"10.0.{n // 250}.{n % 250}", agent=f"client-{n % 5}")]
    return sorted(events, key=lambda event: event.at)


def test_very_many_at_once_are_tied_one_by_one_and_nothing_is_lost() -> None:
    made = window(crowd(80))
    assert made.is_full()
    made.settle(float("inf"))
    while made.fresh:
        made.settle(float("inf"))
    members = [member for fragment in made.all_open() for member in fragment.members]
    assert len(members) == len({member.event.serial for member in members}) == 640
    lonely = [fragment for fragment in made.all_open() if len({m.event.address for m in fragment.members if m.event.actor == "backend"}) > 1]
    assert len(lonely) < 8, "hardly ever two clients in one"


def test_an_open_attempt_is_continued_by_what_comes_after_a_settlement() -> None:
    events = flow(0.0, person=20.0)
    made = settled(window(events[:5]))
    for number, event in enumerate(events[5:]):
        event.serial = (0, 20 + number)
        made.add(event)
    settled(made)
    assert len(kinds(made)) == 1
    (home,) = made.all_open()
    assert isinstance(home, Fragment)
    assert home.tail.kind == "accepted"
