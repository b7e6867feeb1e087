"""From fragments to groups."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.solve import solve
from connwatch.model.event import Event, Stage
from support.steps import chain, flow, fragment, step, tables


def solved(fragments: list[Fragment], **more: object) -> list[Fragment]:
    return solve(fragments, tables(), **more)[0]  # type: ignore[arg-type]


def events_of(groups: list[Fragment]) -> list[list[Event]]:
    return [[member.event for member in group.members] for group in groups]


def interleaved(flows: list[list[Event]]) -> list[Fragment]:
    return chain(sorted((event for events in flows for event in events), key=lambda event: event.at))


def test_a_lonely_fragment_stays_as_it_is() -> None:
    assert solved([]) == []
    (one,) = solved(chain([step(Stage.TOKEN, 1.0)]))
    assert one.guess is None


def test_one_flow_is_one_group() -> None:
    events = flow(100.0)
    (group,) = solved(chain(events))
    assert [member.event for member in group.members] == events
    assert {member.link for member in group.members[1:]} == {"inferred"}


def test_ten_interleaved_flows_from_ten_places_come_apart() -> None:
    flows = [flow(100.0 + n * 0.37, f"192.0.{n}.1", f"198.51.{n}.7", person=3.0 + n % 4) for n in range(10)]
    for events in flows:  # one page of each browser: its address is the only key
        events.insert(5, step(Stage.CONSENT, events[4].at + 0.1, address=events[4].address))
    together = events_of(solved(interleaved(flows), kept=1.0))
    backends = [[event for event in events if event.actor == "backend"] for events in flows]
    for backend in backends:
        homes = [group for group in together if any(event in group for event in backend[:4])]
        assert len(homes) == 1
        assert {event.address for event in homes[0] if event.actor == "backend"} == {backend[0].address}
    assert sum(len(group) for group in together) == 90


def test_twenty_identical_ones_are_not_told_apart_but_counted() -> None:
    flows = [flow(100.0 + n * 0.05, person=3.0 + (n * 7 % 20) * 0.05) for n in range(20)]
    groups = solved(interleaved(flows))
    across = [group for group in groups if {"register+", "token+"} <= {member.kind for member in group.members}]
    assert len(across) < 5
    assert sum(1 for group in groups if group.guess is not None) >= 15
    for group in groups:
        if group.guess is not None:
            assert group.guess.guessed_by is group
            assert group.guess.start >= group.start


def test_a_flow_of_an_hour_later_is_another_one() -> None:
    first, second = flow(0.0), flow(3600.0)
    assert events_of(solved(chain([*first, *second]))) == [first, second]


def test_what_began_before_continues_nothing() -> None:
    before, after = fragment(step(Stage.REGISTRATION, 1.0, 201)), fragment(step(Stage.TOKEN, 2.0))
    assert len(solved([before, after])) == 1
    before, after = fragment(step(Stage.REGISTRATION, 1.0, 201)), fragment(step(Stage.TOKEN, 2.0))
    assert len(solved([before, after], begun={id(after), id(before)})) == 2


def test_many_fragments_learn_only_from_the_surest_and_at_the_end() -> None:
    flows = [flow(n * 20.0, f"192.0.2.{n}", f"198.51.100.{n}") for n in range(12)]
    assert events_of(solved(interleaved(flows), kept=1.0)) == flows


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 2), st.sampled_from(list(Stage)), st.sampled_from([200, 202, 302, 401, 404, 502])), max_size=20
    )
)
def test_nothing_is_lost_doubled_or_turned_round(rows: list[tuple[int, int, Stage, int]]) -> None:
    said = [
        step(stage, at / 4 + n / 1000, status, address=f"192.0.2.{client}", serial=(0, n))
        for n, (at, client, stage, status) in enumerate(sorted(rows, key=str))
    ]
    groups = solved(chain(said))
    together = [event for events in events_of(groups) for event in events]
    assert sorted(event.serial for event in together) == sorted(event.serial for event in said)
    for group in groups:
        assert [member.event.started_at for member in group.members] == sorted(member.event.started_at for member in group.members)
    assert [[event.serial for event in events] for events in events_of(groups)] == [
        [event.serial for event in events] for events in events_of(solved(chain(said[::-1])))
    ]


def test_two_that_began_at_once_are_not_lost() -> None:
    said = [step(Stage.CHALLENGE, at, address="192.0.2.0", serial=(0, n)) for n, at in enumerate((0.0, 0.0, 0.25))]
    assert sum(len(events) for events in events_of(solved(chain(said)))) == 3
