"""Services that messages are sent to: a web server that behaves as a test asks, and a mail server. Real sockets on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Web:
    """A web server. `silent`: takes requests and never answers. `endless`: answers without end. `raw`: answers just this."""

    port: int = 0
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    endless: bool = False
    raw: bytes = b""
    requests: list[Asked] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, schema: str = "http", user: str = "") -> str:
        return f"{schema}://{user}127.0.0.1:{self.port}{path}"


@contextlib.contextmanager
def web(**how: Any) -> Iterator[Web]:
    service = Web(**how)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.requests.append(Asked(self.command, self.path, dict(self.headers), body))
            if service.silent:
                service.over.wait(60)
                return
            with contextlib.suppress(ConnectionError):
                if service.raw:
                    self.wfile.write(service.raw)
                    return
                self.send_response(service.status)
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"{}")
                block = b"x" * 1_048_576
                while service.endless and not service.over.is_set():
                    self.wfile.write(block)

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.over.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def mail() -> Iterator[tuple[int, list[EmailMessage]]]:
    """A mail server: its port, and the letters that came."""
    from aiosmtpd.controller import Controller

    letters: list[EmailMessage] = []

    class Sink:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the name that aiosmtpd looks for
            letters.append(cast("EmailMessage", message_from_bytes(envelope.content, policy=policy.default)))
            return "250 OK"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port, letters
    finally:
        controller.stop()
