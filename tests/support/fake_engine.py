"""An engine's API on a socket, for the faults that a real engine cannot be made to show: silence, refusals, nonsense."""

from __future__ import annotations

import http.server
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

ID = "c" * 64
STAMP = "2026-11-23T07:56:{:02d}.000000001Z "


def frame(number: int, text: str) -> bytes:
    message = f"{STAMP.format(number)}{text}\n".encode()
    return struct.pack(">BxxxL", 1, len(message)) + message


class FakeEngine:
    """One running container "app" whose log is `log`. Its follows give what is there and then wait; `hooks` answer a path otherwise."""

    def __init__(self, path: Path) -> None:
        self.host = f"unix://{path}"
        self.log: list[tuple[int, str]] = []
        self.hooks: dict[str, Callable[[Request], None]] = {}
        self.follows = 0
        self.asked: list[str] = []
        self.over = threading.Event()
        self.cut = threading.Event()  # set: every open follow ends in the middle of a chunk

    def answer(self, request: Request) -> None:
        parts = urlsplit(request.path)
        path = parts.path.split("/", 2)[2] if parts.path.startswith("/v1.") else parts.path.lstrip("/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        self.asked.append(f"{path}{'?follow' if 'follow' in query else ''}")
        if self.asked[-1] in self.hooks:
            self.hooks[self.asked[-1]](request)
        elif path == "version":
            request.give({"ApiVersion": "1.41"})
        elif path == "containers/json":
            request.give([{"Id": ID, "Names": ["/app"], "Created": 1795420564}])
        elif path == f"containers/{ID}/json":
            request.give(self.inspected())
        elif path == "events":
            request.begin()
            self.over.wait()
        elif path == f"containers/{ID}/logs":
            self.follow(request, query["since"]) if "follow" in query else self.tail(request)

    @staticmethod
    def inspected() -> dict[str, Any]:
        return {
            "Created": "2026-11-23T07:56:04.000000000Z",
            "State": {"Status": "running", "StartedAt": "2026-11-23T07:56:04.000000000Z", "ExitCode": 0},
            "Config": {"Image": "app:1", "Tty": False},
            "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {}}},
        }

    def tail(self, request: Request) -> None:
        request.begin()
        for number, text in self.log[-1:]:
            request.chunk(frame(number, text))
        request.chunk(b"")

    def follow(self, request: Request, since: str) -> None:
        self.follows += 1
        request.begin()
        start = int(since.split(".", maxsplit=1)[0]) % 60 if since != "0.000000000" else 0
        for number, text in list(self.log):
            if number >= start:
                request.chunk(frame(number, text))
        while not (self.over.wait(0.01) or self.cut.is_set()):
            pass
        if self.cut.is_set():
            request.wfile.write(b"40\r\n\1\0\0\0")  # a chunk of 64 bytes that is not all there


class Request(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine: FakeEngine

    def do_GET(self) -> None:
        try:
            self.engine.answer(self)
        except OSError:
            pass  # the reader left
        self.close_connection = True

    def give(self, body: object, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Connection", "close")  # it does close: a client that did not know could ask again on a connection that is going
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def address_string(self) -> str:
        return "local"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class has
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = socket.SOMAXCONN

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@contextmanager
def fake_engine(path: Path) -> Iterator[FakeEngine]:
    engine = FakeEngine(path)
    handler = type("Handler", (Request,), {"engine": engine})
    with _Server(str(path), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield engine
        finally:
            engine.over.set()
            server.shutdown()
            thread.join()
