"""Whatever comes over the socket: never a 500, never a traceback in the log, an answer within a bound, the same headers on each."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import strategies as st

from connwatch.daemon.service import Service
from connwatch.model.change import Closed, Opened
from connwatch.sources.file import FileSource
from connwatch.store.journal import Journal
from connwatch.store.opening import in_memory
from connwatch.store.turn import Turn
from connwatch.web.guard import HEADERS
from support.attempts import T, connected, the_silence
from support.fuzz import tried, within
from support.live import serving, until
from support.quiet import Quiet

PATHS = (
    "/",
    "/app.js",
    "/waterfall.js",
    "/style.css",
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/attempts",
    "/api/attempts/",
    "/api/changes",
    "/api/marks",
    "/api/sources",
    "/x",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "FOO")
NAMES = ("client", "server", "outcome", "since", "until", "limit", "after", "form", "x")
ANSWERS = frozenset({200, 400, 403, 404, 405, 421, 503})
TOO_LONG = 10.0
MOST_READ = 300_000
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

_values = st.one_of(
    st.text(max_size=30).map(lambda text: quote(text, safe="")),
    st.sampled_from(
        ["*", "[", "[!", "[a-", "%00", "%ff%fe", "%F0%9F", "nan", "inf", "-inf", "1e308", "1e999", "-1", "0", "500", "9" * 300, "2026-11-23",
         "9999-12-31T23:59:59Z",
         "0001-01-01", "2026-11-23T07:51:06+99:99", "1_7f", "nan_x", "1e400_x", "_", "stored", "stalled", "*ed", "a" * 5000, "%27%20OR%201=1--", "7f",
         "%25", "_%"]
    ),
)  # fmt: skip
_queries = st.lists(st.tuples(st.sampled_from(NAMES), _values), max_size=5).map(lambda rows: "&".join(f"{name}={value}" for name, value in rows))
_paths = st.one_of(st.sampled_from(PATHS), st.builds("/api/attempts/{}".format, _values), st.builds("/{}".format, _values))
_headers = st.lists(
    st.tuples(
        st.sampled_from(["Last-Event-ID", "Accept", "Accept-Encoding", "Cookie", "Authorization", "Origin", "Range", "If-None-Match",
                         "X-Forwarded-For",
                         "Sec-Fetch-Site", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Expect", "Host", "X"]),
        st.one_of(
            st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20),
            st.sampled_from(["fb9aa514-1", "x-1", "-", "99999999999999999999", "application/openmetrics-text; version=1.0.0", "*/*;q=nan",
                             "0", "-1", "chunked", "close",
                             "upgrade", "websocket", "h2c", "100-continue", "cross-site", "attacker.example", "Bearer \xff", "A" * 9000]),
        ),
    ),
    max_size=4,
)  # fmt: skip


def _request(method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes, version: str) -> bytes:
    lines = [
        f"{method} {path}{'?' + query if query else ''} HTTP/{version}",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in headers),
        "",
        "",
    ]
    return "\r\n".join(lines).encode("latin-1") + body


_requests = st.builds(
    _request, st.one_of(st.just("GET"), st.sampled_from(METHODS)), _paths, _queries, _headers, st.one_of(st.just(b""), st.binary(max_size=50)),
    st.sampled_from(["1.1", "1.1", "1.0", "2.0", "9"]),
)  # fmt: skip
_raw = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 30_000 + b"\r\n",
            b"GET /" + b"a" * 200_000,
            b"\x16\x03\x01\x02\x00\x01",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ]
    ),
    st.builds(lambda text, at, what: text[:at] + what + text[at:], _requests, st.integers(0, 80), st.binary(max_size=4)),
)
MADE = st.one_of(_requests, _requests, st.lists(_requests, min_size=2, max_size=30).map(b"".join), _raw)


@contextlib.contextmanager
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    names = ("", "uvicorn.error", "asyncio", "connwatch")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    try:
        yield stream
    finally:
        for name in names:
            logging.getLogger(name).removeHandler(handler)


def answered(port: int, sent: bytes, patience: float = 0.05) -> bytes:
    """What comes back until the other side closes or has said much; a stream of changes goes on for ever."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=TOO_LONG) as link, contextlib.suppress(ConnectionError):
        link.sendall(sent)
        link.settimeout(patience)
        with contextlib.suppress(TimeoutError):
            while len(got) < MOST_READ and (part := link.recv(65536)):
                got += part
                link.settimeout(0.02)
    return got


def statuses(got: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"^HTTP/1\.1 (\d{3})", got, re.MULTILINE)]


@pytest.mark.timeout(7200)
def test_no_bytes_bring_a_500_a_traceback_or_a_wait(tmp_path: Path) -> None:
    seen: set[int] = set()

    async def play() -> None:
        service = Service(Quiet([]), [FileSource("app", str(tmp_path / "app.log"))], Journal(in_memory()))  # type: ignore[arg-type]
        async with serving(service) as port:
            await until(lambda: service.recorder.begun)
            await service.recorder._commit(Turn(T), [Opened(T, the_silence()), Closed(T, connected())])

            def send(made: bytes) -> None:
                got = within(TOO_LONG, lambda: answered(port, made))
                found = statuses(got)
                seen.update(found)
                assert set(found) <= ANSWERS, found
                head = got.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
                assert not found or all(f"{name}: {value}".lower() in head for name, value in HEADERS.items()), head
                assert statuses(within(TOO_LONG, lambda: answered(port, ALIVE, TOO_LONG))) == [200]

            await asyncio.to_thread(tried, MADE, send, 0.1)

    with logged() as said:
        asyncio.run(play())
    assert "Traceback" not in said.getvalue(), said.getvalue()
    assert seen >= {200, 400, 404, 405}
