"""The HTTP face over a real port: what is answered, to whom, and how a stream is resumed."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connwatch.daemon.service import Service
from connwatch.model.change import Closed, Opened, Updated
from connwatch.model.errors import ConfigError, SourceError
from connwatch.sources.file import FileSource
from connwatch.store.journal import Journal
from connwatch.store.opening import in_memory
from connwatch.store.turn import Turn
from connwatch.web.guard import is_loopback
from connwatch.web.server import listen
from support.attempts import HOST, T, ToldEngine, connected, the_silence
from support.live import get, read_events, serving, until

TOKEN = "a-long-enough-token"
OPENMETRICS = "application/openmetrics-text"


class Quiet(ToldEngine):
    def next_deadline(self) -> float | None:
        return None

    def stats(self) -> Any:
        return SimpleNamespace(sources={"app": {"lines": 3, "unparsed": 1}})


def story(path: Path, tell: Callable[[Service, int], Awaitable[None]], token: str | None = None, engine: ToldEngine | None = None) -> None:
    path.touch()

    async def play() -> None:
        service = Service(engine or Quiet([]), [FileSource("app", str(path))], Journal(in_memory()), token=token, hosts=[HOST])  # type: ignore[arg-type]
        async with serving(service) as port:
            await until(service.ready)
            await tell(service, port)

    asyncio.run(asyncio.wait_for(play(), 30))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


async def publish(service: Service, *changes: Opened | Updated | Closed) -> None:
    await service.recorder._commit(Turn(T), changes)


def test_attempts_are_listed_and_looked_up(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await publish(service, Opened(T, the_silence()), Closed(T, connected()))
        status, headers, body = await get(port, "/api/attempts")
        listed = json.loads(body)
        assert (status, headers["content-type"]) == (200, "application/json")
        assert [(one["client"], one["outcome"], one["open"]) for one in listed["attempts"]] == [
            ("chatgpt", "connected", False),
            ("claude", "stalled", False),
        ]
        assert listed["attempts"][0]["schema"] == "connwatch.attempt/1"
        assert [one["client"] for one in json.loads((await get(port, "/api/attempts?client=claude"))[2])["attempts"]] == ["claude"]
        assert json.loads((await get(port, "/api/attempts?outcome=failed"))[2])["attempts"] == []
        assert len(json.loads((await get(port, "/api/attempts?limit=1"))[2])["attempts"]) == 1
        assert (await get(port, "/api/attempts?limit=many"))[0] == 400
        detail = json.loads((await get(port, f"/api/attempts/{the_silence().id}"))[2])
        assert detail["diagnoses"][0]["code"] == "token-unused"
        assert (await get(port, "/api/attempts/nobody"))[0] == 404

    story(log, tell)


def test_changes_stream_as_they_happen_and_resume_after_the_last_one_seen(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        reading = asyncio.create_task(read_events(port, f"/api/changes?after={service.bus.position}", 2))
        await asyncio.sleep(0.05)
        await publish(service, Opened(T, the_silence()), Updated(T, the_silence()))
        first, second = await reading
        assert (first["event"], second["event"]) == ("opened", "updated")
        assert json.loads(first["data"])["attempt"]["client"] == "claude"
        await publish(service, Closed(T, the_silence()))
        resumed = await read_events(port, "/api/changes", 2, Last_Event_ID=first["id"])
        assert [one["event"] for one in resumed] == ["updated", "closed"]

    story(log, tell)


def test_hostile_text_forges_no_field_of_the_stream(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        attempt = the_silence()
        attempt.server = "x\n\nevent: closed\ndata: {}\r\n\x1b[31m"
        start = service.bus.position
        await publish(service, Opened(T, attempt), Closed(T, connected()))
        events = await read_events(port, f"/api/changes?after={start}", 2)
        assert [one["event"] for one in events] == ["opened", "closed"]
        assert json.loads(events[0]["data"])["attempt"]["server"] == attempt.server

    story(log, tell)


class Counting(ToldEngine):
    def next_deadline(self) -> float | None:
        return None

    def stats(self) -> Any:
        return SimpleNamespace(sources={"app": {"lines": self.fed.get("app", b"").count(b"\n"), "unparsed": 0}})


def test_a_scrape_counts_the_lines_that_were_there_when_it_came(log: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def scrape() -> str:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            return (await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))).decode()  # type: ignore[index]

        await scrape()
        with log.open("a") as file:
            for number in range(1, 21):
                await asyncio.sleep(0.01)
                file.write("a line\n")
                file.flush()
                assert f'connwatch_lines_read_total{{source="app"}} {number}.0' in await scrape()
        writer.close()

    story(log, tell, engine=Counting([]))


def test_metrics_negotiate_their_format(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await publish(service, Closed(T, the_silence()))
        _, headers, body = await get(port, "/metrics")
        assert headers["content-type"].startswith("text/plain")
        assert "# {" not in body
        assert 'connwatch_lines_read_total{source="app"} 3.0' in body
        assert 'connwatch_source_up{source="app"} 1.0' in body
        _, headers, body = await get(port, "/metrics", Accept=OPENMETRICS)
        assert headers["content-type"].startswith(OPENMETRICS)
        assert f'# {{attempt_id="{the_silence().id}"}}' in body

    story(log, tell)


def test_health_is_the_loop_and_readiness_the_sources(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await until(service.ready)
        assert (await get(port, "/healthz"))[:1] == (200,)
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)["sources"][0]["state"]) == (200, "live")
        service.recorder.turned_at -= 3600
        assert (await get(port, "/healthz"))[0] == 503

    story(log, tell)


def test_a_source_that_never_came_up_is_alive_but_not_ready(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        await until(lambda: service.recorder.sources[0].status.attached)
        service.recorder.sources[0].status.attached = False
        status, _, body = await get(port, "/readyz")
        assert (status, json.loads(body)["ready"]) == (503, False)
        assert (await get(port, "/healthz"))[0] == 200

    story(log, tell)


def test_the_page_brings_everything_itself_and_runs_nothing_inline(log: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        for path, kind in (("/", "text/html"), ("/app.js", "text/javascript"), ("/waterfall.js", "text/javascript"), ("/style.css", "text/css")):
            status, headers, body = await get(port, path)
            assert status == 200
            assert headers["content-type"].startswith(kind)
            assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
            assert "http://" not in body
            assert "https://" not in body
            assert "innerHTML" not in body
            assert "style=" not in body
        assert (await get(port, "/etc/passwd"))[0] == 404

    story(log, tell)


def test_an_unknown_path_of_the_api_is_told_as_every_error_of_the_api(log: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        for path in ("/api/", "/api/nope", "/api/attempts/a/b", "/api/changes/"):
            status, headers, body = await get(port, path)
            assert (status, headers["content-type"]) == (404, "application/json"), path
            assert json.loads(body)["error"].startswith("nothing is answered at this path")
        assert (await get(port, "/apiary"))[1]["content-type"].startswith("text/plain")

    story(log, tell)


def test_another_host_name_is_refused_so_that_a_web_page_cannot_read_a_loopback_port(log: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        assert (await get(port, "/api/attempts", Host="attacker.example"))[0] == 421
        for host in ("localhost", f"127.0.0.1:{port}", f"[::1]:{port}"):
            assert (await get(port, "/api/attempts", Host=host))[0] == 200, host

    story(log, tell)


def test_with_a_token_nothing_but_health_is_shown_without_it(log: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        for path in ("/", "/metrics", "/api/attempts", "/api/changes"):
            status, headers, _body = await get(port, path)
            assert status == 401
            assert "Basic" in headers["www-authenticate"]
        assert (await get(port, "/healthz"))[0] == 200
        basic = base64.b64encode(f"anybody:{TOKEN}".encode()).decode()
        for given in (f"Bearer {TOKEN}", f"Basic {basic}"):
            assert (await get(port, "/api/attempts", Authorization=given, Host="watch.example"))[0] == 200
        for wrong in ("Bearer nope", "Bearer ", "Basic !!", "Basic", "Basic YQ=="):
            assert (await get(port, "/api/attempts", Authorization=wrong))[0] == 401, wrong

    story(log, tell, token=TOKEN)


def test_listening_beyond_this_machine_needs_a_token() -> None:
    with pytest.raises(ConfigError, match="token_file"):
        listen("0.0.0.0", 0, token=False)
    listen("0.0.0.0", 0, token=True).close()
    assert [is_loopback(host) for host in ("127.0.0.9", "::1", "localhost", "0.0.0.0", "example.org")] == [True, True, True, False, False]


def test_a_taken_port_is_said_plainly() -> None:
    with listen("127.0.0.1", 0, token=False) as first:
        port = first.getsockname()[1]
        with pytest.raises(SourceError, match=f"127.0.0.1:{port} is taken by another program"):
            listen("127.0.0.1", port, token=False)


def test_stopping_ends_open_streams_at_once(log: Path) -> None:
    async def tell(service: Service, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"retry: 2000")
        service.stop()
        async with asyncio.timeout(3):
            await reader.read()
        writer.close()

    story(log, tell)
