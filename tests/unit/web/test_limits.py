"""What strangers may take of the HTTP face: how long a connection, how many of them, how many streams; and which headers every answer has."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.service import Service
from connwatch.model.change import Updated
from connwatch.sinks.bus import Bus
from connwatch.sources.file import FileSource
from connwatch.store.journal import Journal
from connwatch.store.opening import in_memory
from connwatch.store.turn import Turn
from connwatch.web import app
from connwatch.web.guard import HEADERS
from connwatch.web.patience import Patient
from support.attempts import T, the_silence
from support.live import get, serving, until, until_so
from support.quiet import Quiet

Tell = Callable[[Service, int], Awaitable[None]]
TOKEN = "a-long-enough-token"
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def story(folder: Path, tell: Tell, token: str | None = None) -> None:
    async def play() -> None:
        service = Service(Quiet([]), [FileSource("app", str(folder / "app.log"))], Journal(in_memory()), token=token)  # type: ignore[arg-type]
        async with serving(service) as port:
            await until(lambda: service.recorder.begun)
            await tell(service, port)

    asyncio.run(asyncio.wait_for(play(), 60))


async def asked(port: int, text: bytes, seconds: float = 10.0) -> bytes:
    """The whole answer, until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        async with asyncio.timeout(seconds):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.contextmanager
def idle(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing."""
    links = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(count)]
    try:
        yield links
    finally:
        for link in links:
            link.close()


def request(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", *(headers or ("Host: localhost",)), "Connection: close", "", ""]).encode()


ANSWERS = {
    "page": (request("GET /"), 200),
    "metrics": (request("GET /metrics"), 200),
    "a bad question": (request("GET /api/attempts?limit=0"), 400),
    "nothing there": (request("GET /etc/passwd"), 404),
    "a slash too much": (request("GET /metrics/", "Host: localhost"), 404),
    "another method": (request("POST /api/attempts"), 405),
    "another name": (request("GET /", "Host: attacker.example"), 421),
    "no name": (request("GET /", "X: y"), 400),
    "another site's script": (request("GET /api/attempts", "Host: localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"), 403),
    "no HTTP": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    "a head without end": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4_000, 400),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_every_answer_has_the_headers_that_protect_a_browser(tmp_path: Path, what: str) -> None:
    async def tell(_: Service, port: int) -> None:
        sent, status = ANSWERS[what]
        head = (await asked(port, sent)).partition(b"\r\n\r\n")[0].decode()
        assert head.startswith(f"HTTP/1.1 {status} ")
        for name, value in HEADERS.items():
            assert f"{name}: {value}".lower() in head.lower(), name

    story(tmp_path, tell)


def test_the_headers_let_a_page_run_nothing_but_our_own_script() -> None:
    policy = dict(rule.strip().partition(" ")[::2] for rule in HEADERS["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert {policy[kind] for kind in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Cross-Origin-Resource-Policy"] == "same-origin"
    assert HEADERS["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_nothing_but_get_and_head_is_answered_so_that_nobody_can_change_anything(tmp_path: Path, method: str) -> None:
    async def tell(_: Service, port: int) -> None:
        for path in ("/", "/metrics", "/healthz", "/readyz", "/api/attempts", "/api/attempts/x", "/api/changes", "/api/marks", "/api/sources"):
            assert (await asked(port, request(f"{method} {path}"))).startswith(b"HTTP/1.1 405 "), path

    story(tmp_path, tell)


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "127.0.0.1.attacker.example",
        "[::1].attacker.example",
        "[::1]x",
        "localhost.attacker.example:80",
        "0.0.0.0",
        "",
        "localhost@x",
        "[x]",
    ],
)
def test_a_name_that_only_looks_like_this_machine_is_another_name(tmp_path: Path, host: str) -> None:
    async def tell(_: Service, port: int) -> None:
        for path in ("/", "/api/attempts", "/readyz"):
            got = await asked(port, request(f"GET {path}", f"Host: {host}"))
            assert got.startswith((b"HTTP/1.1 421 ", b"HTTP/1.1 400 ")), (path, got[:60])

    story(tmp_path, tell)


def test_a_page_of_another_site_may_link_here_and_not_ask(tmp_path: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        for site, mode, status in (
            ("cross-site", "navigate", 200),
            ("cross-site", "cors", 403),
            ("same-site", "no-cors", 403),
            ("same-origin", "cors", 200),
        ):
            assert (await get(port, "/", Sec_Fetch_Site=site, Sec_Fetch_Mode=mode))[0] == status

    story(tmp_path, tell)


def test_a_token_that_is_no_text_is_refused_like_any_other(tmp_path: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        for value in (b"Bearer \xff\xfe", b"Basic \xff", b"Bearer " + b"x" * 8000, b"Bearer"):
            got = await asked(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + value + b"\r\n\r\n")
            assert got.startswith(b"HTTP/1.1 401 "), value

    story(tmp_path, tell, token=TOKEN)


def test_five_hundred_connections_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        with idle(port, 500):
            for _ in range(20):
                assert (await asked(port, ALIVE)).startswith(b"HTTP/1.1 200 ")

    story(tmp_path, tell)


def test_whoever_does_not_finish_a_request_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "head_seconds", 0.3)

    async def tell(_: Service, port: int) -> None:
        for begun in (b"", b"GET / HTTP/1.1\r\nHost: loc", ALIVE.replace(b"close", b"keep-alive") + b"GET /he"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionError):
                    await reader.read()
            writer.close()

    story(tmp_path, tell)


def test_a_stream_outlives_the_time_that_a_request_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "head_seconds", 0.1)

    async def tell(service: Service, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"retry: 2000")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"nothing of this kind"), 0.6)
        writer.close()

    story(tmp_path, tell)


async def streams(port: int, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """So many open event streams, each with its first word read."""
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for reader, writer in links:
        writer.write(b"GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"retry: 2000")
    return links


def test_where_everybody_asks_the_next_one_is_sent_away_with_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "most", 3)

    async def tell(_: Service, port: int) -> None:
        links = await streams(port, 3)
        with contextlib.suppress(ConnectionError):
            assert (await asked(port, b"")).startswith(b"HTTP/1.1 503 ")
        links[0][1].close()
        await links[0][1].wait_closed()
        for _, writer in links:
            writer.close()

    story(tmp_path, tell)


def test_so_many_streams_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_READERS", 2)

    async def tell(_: Service, port: int) -> None:
        links = await streams(port, 2)
        status, headers, body = await get(port, "/api/changes")
        assert (status, headers["retry-after"]) == (503, "30")
        assert "2 streams are open already" in body
        for _, writer in links:
            writer.close()

        await until_so(lambda: has_room(port))

    story(tmp_path, tell)


def test_so_many_streams_and_no_more_when_all_come_at_once(tmp_path: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        for _, writer in links:
            writer.write(b"GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answers = [(await reader.readline()).split()[1] for reader, _ in links]
        assert (answers.count(b"200"), answers.count(b"503")) == (app.MOST_READERS, 60 - app.MOST_READERS)
        for _, writer in links:
            writer.close()
        await until_so(lambda: has_room(port))

    story(tmp_path, tell)


def test_who_goes_away_before_the_first_word_of_a_stream_takes_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "MOST_READERS", 1)

    async def tell(_: Service, port: int) -> None:
        for _ in range(40):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # an abort, not a farewell
                link.sendall(b"GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until_so(lambda: has_room(port))

    story(tmp_path, tell)


def test_a_stream_that_never_begins_takes_no_place() -> None:
    async def play() -> None:
        site = app.create_app(app.View(None, Bus(), None, None))  # type: ignore[arg-type]
        scope = {
            "type": "http", "method": "GET", "path": "/api/changes", "query_string": b"", "headers": [(b"host", b"localhost")],
            "asgi": {"version": "3.0", "spec_version": "2.3"},
        }  # fmt: skip

        async def gone() -> dict[str, str]:
            return {"type": "http.disconnect"}

        answers: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answers.append(message["status"])
            await asyncio.sleep(0.01)

        for _ in range(app.MOST_READERS + 1):
            await asyncio.wait_for(site(scope, gone, send), 5)
        assert set(answers) == {200}

    asyncio.run(play())


def test_who_reads_nothing_of_a_stream_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patient, "read_seconds", 0.3)
    monkeypatch.setattr(app, "MOST_READERS", 1)

    async def tell(service: Service, port: int) -> None:
        changes = [Updated(T, the_silence()) for _ in range(500)]
        with socket.socket() as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.connect(("127.0.0.1", port))
            link.sendall(b"GET /api/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await asyncio.to_thread(link.recv, 16)
            assert not await has_room(port)

            async def gone() -> bool:
                await service.recorder._commit(Turn(T), changes)
                return await has_room(port)

            await until_so(gone)

    story(tmp_path, tell)


def test_who_asks_for_the_head_of_a_stream_gets_it_and_no_stream(tmp_path: Path) -> None:
    async def tell(_: Service, port: int) -> None:
        got = await asked(port, request("HEAD /api/changes"))
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.endswith(b"\r\n\r\n")

    story(tmp_path, tell)


async def has_room(port: int) -> bool:
    """Whether one more stream could be had."""
    return (await asked(port, request("HEAD /api/changes"))).startswith(b"HTTP/1.1 200 ")
