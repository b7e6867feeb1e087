"""What can be asked of the API about what was recorded: filters, pages, marks, sources; and a sentence for what cannot be answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from connwatch.daemon.service import Service
from connwatch.model.change import Change, Closed, Opened
from connwatch.model.mark import Gap, Mark
from connwatch.sources.file import FileSource
from connwatch.store.codec import read_attempt
from connwatch.store.journal import Journal
from connwatch.store.opening import Opened as OpenedState
from connwatch.store.opening import in_memory, open_state
from connwatch.store.turn import Turn
from support.attempts import T, ToldEngine, connected, the_silence
from support.live import get, read_events, serving, until


class Quiet(ToldEngine):
    def next_deadline(self) -> float | None:
        return None

    def stats(self) -> Any:
        return SimpleNamespace(sources={"app": {"lines": 3, "unparsed": 1}})


Tell = Callable[[Service, int], Awaitable[None]]


def story(path: Path, tell: Tell, state: OpenedState | None = None) -> None:
    async def play() -> None:
        journal = Journal(state or in_memory())
        service = Service(Quiet([]), [FileSource("app", str(path / "app.log"))], journal)  # type: ignore[arg-type]
        async with serving(service) as port:
            await until(lambda: service.recorder.begun)
            await tell(service, port)

    asyncio.run(asyncio.wait_for(play(), 30))


async def publish(service: Service, *changes: Change, marks: Sequence[Mark] = (), gaps: Sequence[tuple[str, Gap]] = ()) -> None:
    await service.recorder._commit(Turn(T, marks=list(marks), gaps=list(gaps)), changes)


async def ids(port: int, query: str) -> list[str]:
    status, _, body = await get(port, f"/api/attempts?{query}")
    assert status == 200, body
    return [one["id"] for one in json.loads(body)["attempts"]]


def test_globs_and_times_choose_among_attempts(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await publish(service, Opened(T, the_silence()), Closed(T, connected()))
        assert await ids(port, "") == ["0b11e2d4", "7f3c21a9"]
        assert await ids(port, "client=CHAT*&client=cursor") == ["0b11e2d4"]
        assert await ids(port, "server=*.example.org&outcome=*ed") == ["0b11e2d4", "7f3c21a9"]
        assert await ids(port, "outcome=stalled&outcome=failed") == ["7f3c21a9"]
        assert await ids(port, "client=[!x]laude") == ["7f3c21a9"]
        assert await ids(port, "&".join(["client=x*"] * 99) + "&client=chatgpt") == ["0b11e2d4"]
        assert await ids(port, f"since={T + 60}") == ["0b11e2d4"]
        assert await ids(port, "until=2026-11-23T07:52:00%2B00:00") == ["7f3c21a9"]
        assert await ids(port, "until=2026-11-23T07:52") == ["7f3c21a9"]

    story(tmp_path, tell)


def test_page_after_page_gives_everything_once(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await publish(service, *(Closed(T, connected(f"{number:08x}")) for number in range(7)))
        found: list[str] = []
        query, pages = "limit=3", 0
        while query:
            page = json.loads((await get(port, f"/api/attempts?{query}"))[2])
            found += [one["id"] for one in page["attempts"]]
            query = page["next"] and f"limit=3&after={quote(page['next'])}"
            pages += 1
        assert (found, pages) == ([f"{number:08x}" for number in range(6, -1, -1)], 3)

    story(tmp_path, tell)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/attempts?limit=0", "limit is a number from 1 to 500"),
        ("/api/attempts?limit=-1", "limit is a number"),
        ("/api/attempts?limit=%D9%A3", "limit is a number"),
        ("/api/attempts?since=yesterday", "since is a time such as"),
        ("/api/attempts?until=nan", "until is a time"),
        ("/api/attempts?until=99999-01-01", "until is a time"),
        ("/api/attempts?outcome=nope", "no outcome is called 'nope'; there are connected,"),
        ("/api/attempts?after=x", "after is what the page before gave as next"),
        ("/api/attempts?form=xml", "form is stored, or left out"),
        ("/api/attempts/7f?form=xml", "form is stored, or left out"),
        ("/api/attempts?" + "&".join(["client=a"] * 1200), "client may be given 100 times, not 1200"),
        ("/api/changes?" + "&".join(["outcome=stalled"] * 101), "outcome may be given 100 times, not 101"),
        ("/api/marks?since=%00", "since is a time"),
        ("/api/changes?outcome=nope", "no outcome is called"),
    ],
)
def test_what_cannot_be_understood_is_answered_with_a_sentence(tmp_path: Path, path: str, words: str) -> None:
    async def tell(_: Service, port: int) -> None:
        status, headers, body = await get(port, path)
        assert (status, headers["content-type"]) == (400, "application/json")
        assert words in json.loads(body)["error"]

    story(tmp_path, tell)


def test_an_attempt_comes_with_what_happened_around_it(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        marks = [Mark(T - 61, "app", "started"), Mark(T + 2, "app", "died", "exit status 137")]
        await publish(service, Closed(T, the_silence()), Closed(T, the_silence("7f00")), marks=marks, gaps=[("app", Gap("cursor", T + 4, T + 5))])
        status, _, body = await get(port, "/api/attempts/7f3")
        found = json.loads(body)
        assert (status, found["id"], len(found["steps"])) == (200, "7f3c21a9", 7)
        assert [(one["what"], one["detail"], one["until"] is None) for one in found["marks"]] == [
            ("died", "exit status 137", True),
            ("gap", "cursor", False),
        ]
        status, _, body = await get(port, "/api/attempts/7f")
        assert (status, sorted(json.loads(body)["several"])) == (404, ["7f00", "7f3c21a9"])
        assert "begins with 'nobody'" in json.loads((await get(port, "/api/attempts/nobody"))[2])["error"]
        assert len(json.loads((await get(port, "/api/marks"))[2])["marks"]) == 3
        assert [one["what"] for one in json.loads((await get(port, f"/api/marks?until={T}"))[2])["marks"]] == ["started"]

    story(tmp_path, tell)


def test_the_stored_form_is_the_whole_attempt(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await publish(service, Closed(T, the_silence()))
        for path in ("/api/attempts?form=stored", "/api/attempts/7f3c?form=stored"):
            answer = json.loads((await get(port, path))[2])
            assert read_attempt(json.dumps(answer.get("attempts", [answer])[0])) == the_silence()

    story(tmp_path, tell)


def test_sources_are_told_with_what_they_promise(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        service.sources[0].status.gaps["cursor"] += 2
        service.sources[0].status.duplicates = 5
        (row,) = json.loads((await get(port, "/api/sources"))[2])["sources"]
        assert (row["name"], row["kind"], row["lines"], row["unparsed"]) == ("app", "file", 3, 1)
        assert (row["gaps"], row["duplicates"], row["deaf"]) == ({"cursor": 2}, 5, False)
        assert row["delivery"].startswith("every line once")
        (short,) = json.loads((await get(port, "/readyz"))[2])["sources"]
        assert set(short) == {"name", "state", "attached", "deaf", "note", "warning"}

    story(tmp_path, tell)


def test_a_stream_can_be_narrowed_down_like_a_list(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        start = service.bus.position
        await publish(service, Closed(T, connected()), Closed(T, the_silence()))
        (event,) = await read_events(port, f"/api/changes?after={start}&client=cl*&outcome=st*", 1)
        assert json.loads(event["data"])["attempt"]["id"] == "7f3c21a9"

    story(tmp_path, tell)


def test_a_state_that_cannot_be_read_is_503_and_the_daemon_goes_on(tmp_path: Path) -> None:
    def take_away() -> None:
        for path in tmp_path.glob("state.db*"):
            path.unlink()

    async def tell(service: Service, port: int) -> None:
        await publish(service, Closed(T, the_silence()))
        take_away()
        for path in ("/api/attempts", "/api/attempts/7f", "/api/marks"):
            status, _, body = await get(port, path)
            assert (status, "the state cannot be read" in json.loads(body)["error"]) == (503, True), path
        assert (await get(port, "/healthz"))[0] == 200
        assert (await get(port, "/api/sources"))[0] == 200

    story(tmp_path, tell, open_state(tmp_path / "state.db"))


def test_a_state_that_cannot_be_written_is_told_by_readiness(tmp_path: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await service.journal.within(lambda connection: connection.execute("PRAGMA query_only = 1"))
        await publish(service, Closed(T, connected()))
        note = json.loads((await get(port, "/readyz"))[2])["state"]["note"]
        assert note == "the state cannot be written: attempt to write a readonly database"
        assert "connwatch_state_healthy 0.0" in (await get(port, "/metrics"))[2]
        await service.journal.within(lambda connection: connection.execute("PRAGMA query_only = 0"))

    story(tmp_path, tell)
