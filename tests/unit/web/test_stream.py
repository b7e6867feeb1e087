"""The stream of changes for one reader: its heartbeat, what is older than the bus, and what is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.service import Service
from connwatch.diagnose.serial import change_row
from connwatch.model.change import Change, Closed, Opened, Updated
from connwatch.model.errors import SourceError
from connwatch.sinks.bus import Bus
from connwatch.sources.file import FileSource
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import Opened as OpenedState
from connwatch.store.opening import in_memory, open_state
from connwatch.store.turn import Turn
from connwatch.web.sse import follow
from support.attempts import T, connected, the_silence
from support.live import get, read_events, serving, until
from support.quiet import Quiet

BEAT = ": still here\n\n"


def story(folder: Path, tell: Callable[[Service, int], Awaitable[None]], state: OpenedState | None = None) -> None:
    async def play() -> None:
        service = Service(Quiet([]), [FileSource("app", str(folder / "app.log"))], Journal(state or in_memory()))  # type: ignore[arg-type]
        async with serving(service) as port:
            await until(lambda: service.recorder.begun)
            await tell(service, port)

    asyncio.run(asyncio.wait_for(play(), 60))


async def publish(service: Service, *changes: Change) -> None:
    await service.recorder._commit(Turn(T), changes)


def updates(count: int) -> list[Change]:
    return [Updated(T, the_silence()) for _ in range(count)]


def stream(bus: Bus, after: str | None = None, **how: Any) -> AsyncGenerator[str, None]:
    async def nothing_older(numbers: range) -> Sequence[tuple[int, Change]]:
        raise SourceError("there is no state")

    return follow(bus, after, change_row, **{"wanted": lambda _: True, "older": nothing_older, **how})


def test_a_silent_stream_beats_its_heart() -> None:
    async def play() -> None:
        silent = stream(Bus(), heartbeat=0.01)
        assert (await anext(silent)).startswith("retry:")
        assert await anext(silent) == BEAT

    asyncio.run(play())


def test_changes_that_a_reader_does_not_want_do_not_silence_its_heartbeat() -> None:
    async def play() -> None:
        bus = Bus()
        silent = stream(bus, wanted=lambda change: change.attempt.client == "cursor", heartbeat=0.1)
        await anext(silent)
        beat = asyncio.create_task(anext(silent))
        async with asyncio.timeout(5):
            while not beat.done():
                bus.receive(updates(1))
                await asyncio.sleep(0.005)
        assert await beat == BEAT

    asyncio.run(play())


def test_what_a_slow_reader_lost_is_told_without_a_change_that_it_does_not_want() -> None:
    async def play() -> None:
        bus = Bus(keep=3)
        slow = stream(bus, wanted=lambda change: change.attempt.client == "chatgpt")
        await anext(slow)
        beat = asyncio.create_task(anext(slow))
        await asyncio.sleep(0)
        bus.receive([*updates(5), Closed(T, connected())])
        lost, event, rest = (await beat).split("\n\n")
        assert lost == "event: lost\ndata: 3"
        assert event.startswith(f"id: {bus.life}-6\nevent: closed\n")
        assert rest == ""

    asyncio.run(play())


def test_who_was_away_for_longer_than_the_bus_remembers_gets_the_rest_from_the_state(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        start = service.bus.position
        await publish(service, *updates(1500), Closed(T, connected()))
        events = await read_events(port, "/api/changes", 1501, Last_Event_ID=start)
        assert [one["id"].partition("-")[2] for one in events] == [str(number) for number in range(1, 1502)]
        assert {one["event"] for one in events[:-1]} == {"updated"}
        (event,) = await read_events(port, "/api/changes?client=chatgpt", 1, Last_Event_ID=start)
        assert (event["event"], event["id"].partition("-")[2]) == ("closed", "1501")

    story(tmp_path, tell)


def test_a_position_from_before_a_restart_is_resumed_however_far_back_it_is(tmp_path: Path) -> None:
    positions = []

    async def before(service: Service, _: int) -> None:
        await publish(service, Opened(T, the_silence()))
        positions.append(service.bus.position)
        await publish(service, *updates(700))

    async def after(service: Service, port: int) -> None:
        await publish(service, Closed(T, the_silence()))
        events = await read_events(port, "/api/changes", 701, Last_Event_ID=positions[0])
        assert [one["event"] for one in events] == ["updated"] * 700 + ["closed"]

    story(tmp_path, before, open_state(tmp_path / "state.db"))
    story(tmp_path, after, open_state(tmp_path / "state.db"))


def test_what_the_state_holds_no_longer_is_told_to_be_lost_and_the_rest_comes(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        start = service.bus.position
        await publish(service, *updates(1500))
        await service.journal.within(lambda connection: connection.execute("DELETE FROM changes WHERE id <= 40"))
        lost, event = await read_events(port, "/api/changes?client=claude", 2, Last_Event_ID=start)
        assert (lost["event"], lost["data"]) == ("lost", "40")
        assert event["id"].endswith("-41")
        assert "connwatch_changes_lost_total 40.0" in (await get(port, "/metrics"))[2]

    story(tmp_path, tell)


def test_where_the_state_cannot_be_read_the_reader_is_told_and_gets_what_is_remembered(tmp_path: Path) -> None:
    def take_away() -> None:
        for path in tmp_path.glob("state.db*"):
            path.unlink()

    async def tell(service: Service, port: int) -> None:
        start = service.bus.position
        await publish(service, *updates(1500))
        take_away()
        lost, event = await read_events(port, "/api/changes", 2, Last_Event_ID=start)
        assert (lost["event"], lost["data"]) == ("lost", "476")
        assert event["id"].endswith("-477")

    story(tmp_path, tell, open_state(tmp_path / "state.db"))


@pytest.mark.parametrize("asked", [range(1, 300), range(100, 101), range(400, 600)])
def test_older_changes_are_found_by_their_numbers(asked: range) -> None:
    async def play() -> None:
        journal = Journal(in_memory())
        await journal.commit(Turn(T, changes=[*updates(500), Opened(T, connected())]))
        found = Library(journal.address).changes(asked, 150)
        assert [number for number, _ in found] == [number for number in asked if number <= 501][:150]
        await journal.close()

    asyncio.run(play())
