"""Changes reach every reader in order; a slow one loses its oldest and is told so."""

from __future__ import annotations

import asyncio

from connwatch.model.change import Change, Closed, Opened, Updated
from connwatch.model.event import Stage
from connwatch.model.heard import Heard
from connwatch.sinks.bus import Bus, Reader
from support.attempts import connected


def changes(*numbers: int) -> list[Change]:
    return [Updated(float(number), connected()) for number in numbers]


def taken(reader: Reader) -> list[tuple[float, int]]:
    found = []
    while (one := reader.take()) is not None:
        found.append((one.change.at, one.lost))
    return found


def test_a_reader_gets_what_comes_after_it() -> None:
    bus = Bus()
    bus.receive(changes(1))
    reader = bus.reader()
    bus.receive(changes(2, 3))
    assert taken(reader) == [(2, 0), (3, 0)]
    assert taken(reader) == []


def test_two_readers_do_not_share_a_position() -> None:
    bus = Bus()
    first, second = bus.reader(), bus.reader()
    bus.receive(changes(1))
    assert taken(first) == taken(second) == [(1, 0)]


def test_a_slow_reader_loses_the_oldest_and_knows_how_many() -> None:
    bus = Bus(keep=3)
    reader = bus.reader()
    bus.receive(changes(1, 2, 3, 4, 5))
    assert taken(reader) == [(3, 2), (4, 0), (5, 0)]
    assert bus.lost == 2


def test_a_position_resumes_exactly_after_it() -> None:
    bus = Bus()
    reader = bus.reader()
    bus.receive(changes(1, 2, 3))
    first = reader.take()
    assert first is not None
    assert taken(bus.reader(first.id)) == [(2, 0), (3, 0)]
    assert taken(bus.reader(bus.position)) == []


def test_a_position_that_fell_out_of_the_ring_says_what_is_missing() -> None:
    bus = Bus(keep=2)
    start = bus.position
    bus.receive(changes(1, 2, 3))
    assert taken(bus.reader(start)) == [(2, 1), (3, 0)]


def test_a_position_of_an_earlier_life_or_of_nobody_gets_all_that_is_remembered() -> None:
    bus = Bus()
    bus.receive(changes(1))
    for position in ("0badcafe-1", "", "-", f"{bus.life}-99", f"{bus.life}-x", f"{bus.life}-{'9' * 400}", "\x00"):
        assert taken(bus.reader(position)) == [(1, 0)], position


def test_waiting_ends_with_news_with_time_and_with_the_bus() -> None:
    async def story() -> None:
        bus = Bus()
        reader = bus.reader()
        assert await reader.wait(0.01)  # time: there may be more
        waiting = asyncio.create_task(reader.wait(10))
        await asyncio.sleep(0)
        bus.receive(changes(1))
        assert await waiting
        assert taken(reader) == [(1, 0)]
        waiting = asyncio.create_task(reader.wait(10))
        await asyncio.sleep(0)
        bus.close()
        assert not await waiting

    asyncio.run(story())


def heard(line: int) -> Heard:
    return Heard(1.0, "nginx", line, "claude", "mcp.example.org", Stage.CHALLENGE, "POST", "/mcp", 401)


def test_what_is_heard_reaches_who_is_there_and_nobody_later() -> None:
    bus = Bus()
    early = bus.reader()
    bus.hear([heard(1), heard(2)])
    late = bus.reader()
    assert [one.line for one in early.heard()] == [1, 2]
    assert early.heard() == late.heard() == []
    assert bus.position.endswith("-0"), "it has no number"


def test_what_is_heard_wakes_a_reader() -> None:
    async def story() -> None:
        bus = Bus()
        reader = bus.reader()
        waiting = asyncio.create_task(reader.wait(30))
        await asyncio.sleep(0)
        bus.hear([heard(1)])
        assert await asyncio.wait_for(waiting, 5)
        assert reader.pending()
        assert [one.line for one in reader.heard()] == [1]
        assert not reader.pending()

    asyncio.run(story())


def test_who_is_slow_hears_only_the_last_of_it() -> None:
    bus = Bus()
    reader = bus.reader()
    for line in range(1000):
        bus.hear([heard(line)])
    assert [one.line for one in reader.heard()] == list(range(744, 1000))


def test_numbers_and_readers_go_on_after_a_restart() -> None:
    bus = Bus(life="abcd", end=5)
    bus.remember({2: Opened(1, connected()), 4: Closed(2, connected())})  # 3 was of an attempt that is gone
    reader = bus.reader("abcd-2")
    bus.receive([Opened(3, connected())])
    assert [found.id for found in iter(reader.take, None)] == ["abcd-4", "abcd-5"]
    assert [found.id for found in iter(bus.reader("other-9").take, None)] == ["abcd-2", "abcd-4", "abcd-5"]
