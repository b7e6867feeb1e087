"""A running daemon, read over HTTP: the attempts it remembers and the stream of its changes. Blocking, standard library only.

Must not know how anything is shown. HTTP/1.0 on a plain socket, because a stream that is silent for a second must give the terminal
a chance to be drawn, and http.client cannot go on after a time-out.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connwatch.cli.working import split_address
from connwatch.model.errors import SourceError

if TYPE_CHECKING:
    from connwatch.settings.models import Settings

__all__ = ["DEFAULT_ADDRESS", "Daemon", "daemon_of"]

Row = Mapping[str, Any]
CONNECT_SECONDS = 2.0
SILENT_SECONDS = 45.0  # three heartbeats of the stream
AGAIN_SECONDS = 2.0
LONGEST_PAUSE = 60.0  # whatever Retry-After says
ANSWER_SECONDS = 5.0
MOST_BLOCKS = 64  # of an answer that is no stream
A_PAGE = 500
DEFAULT_ADDRESS = "127.0.0.1:9817"


class Daemon:
    """The daemon at an address. `token`: see the setting http.token_file."""

    def __init__(self, host: str, port: int, token: str | None = None) -> None:
        self._host, self._port = host, port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @property
    def address(self) -> str:
        """As it goes into a URL."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    def answers(self) -> bool:
        """Whether a connwatch daemon is there."""
        try:
            return isinstance(self.get("/readyz", statuses=(200, 503)).get("ready"), bool)
        except SourceError:
            return False

    def attempts(self, asked: Sequence[tuple[str, str]], most: int) -> tuple[list[Row], str]:
        """The attempts it has recorded, the latest first, and the position in the stream after which the news begin. `asked`: see docs/http.md."""
        found: list[Row] = []
        position, following = "", ""
        while len(found) < most and following is not None:
            page = [("limit", str(min(most - len(found), A_PAGE))), *([("after", following)] if following else [])]
            answer = self.get(f"/api/attempts?{urlencode([*asked, *page])}")
            found += answer["attempts"]
            position, following = position or answer["position"], answer["next"]
        return found, position

    def get(self, path: str, statuses: tuple[int, ...] = (200,)) -> dict[str, Any]:
        """One answer. Raises SourceError for everything else than a daemon that answers with one of `statuses`."""
        link = http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_SECONDS)
        try:
            link.request("GET", path, headers=self._headers)
            answer = link.getresponse()
            body = answer.read()
            if answer.status == 401:
                raise SourceError(self._no_token)
            found = json.loads(body)
            if answer.status not in statuses and isinstance(found, dict) and "error" in found:
                raise SourceError(f"the daemon at {self.address} answers: {found['error']}")
            found = found if answer.status in statuses else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(f"no daemon answers at {self.address}") from error
        finally:
            link.close()
        if not isinstance(found, dict):
            raise SourceError(self._no_daemon)
        return found

    def changes(self, after: str, *, say: Callable[[str], None]) -> Iterator[Row | None]:
        """Changes after a position, for ever; None about once a second of silence. A cut connection is taken up where it broke.

        Raises SourceError where the daemon answers what trying again cannot change.
        """
        told = ""
        while True:
            why, pause = f"the daemon at {self.address} went away", AGAIN_SECONDS
            try:
                with socket.create_connection((self._host, self._port), timeout=CONNECT_SECONDS) as link:
                    for place, row in self._events(link, after):
                        after = place
                        if told:
                            say(f"the daemon at {self.address} is back")
                            told = ""
                        if row is not None and "lost" in row:
                            say(f"{row['lost']} changes are left out: they came faster than they could be shown, or are too old to be kept")
                        else:
                            yield row
            except _BusyError as busy:
                why, pause = str(busy), busy.pause
            except (OSError, ValueError):
                pass
            if told != why:
                told = why
                say(f"{why}; trying again")
            for _ in range(round(pause / AGAIN_SECONDS)):
                yield None
                time.sleep(AGAIN_SECONDS)

    def _events(self, link: socket.socket, position: str) -> Iterator[tuple[str, Row | None]]:
        headers = {"Host": self.address, "Last-Event-ID": position, **self._headers}
        link.sendall(("GET /api/changes HTTP/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode())
        link.settimeout(1.0)
        head, begun = _head(_blocks(link, ANSWER_SECONDS))
        if not head:
            return
        if head.split()[1:2] != ["200"]:
            body = b"".join(islice(_blocks(link, 1.0), MOST_BLOCKS))
            raise self._refusal(head, begun + body)
        rest, event = b"", {"id": position}
        yield position, None
        for block in chain([begun], _blocks(link, SILENT_SECONDS)):
            if not block:
                yield event["id"], None
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                name, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(": ")
                if name in ("id", "event", "data"):
                    event[name] = value
                elif not name and "data" in event:
                    row: Row = {"lost": event["data"]} if event.get("event") == "lost" else json.loads(event["data"])
                    event = {"id": event["id"]}
                    yield event["id"], row

    def _refusal(self, head: str, body: bytes) -> Exception:
        """What an answer that is no stream means: a SourceError, or, where it may be another one later, a _BusyError."""
        line, *fields = head.split("\r\n")
        protocol, _, status = line.partition(" ")
        if not protocol.startswith("HTTP/"):
            return SourceError(self._no_daemon)
        if status.startswith("401"):
            return SourceError(self._no_token)
        try:
            why = f"the daemon at {self.address} answers: {json.loads(body)['error']}"
        except (ValueError, TypeError, KeyError):
            why = f"the daemon at {self.address} answers: {status}"
        if not status.startswith("5"):
            return SourceError(why)
        wanted = next((value.strip() for name, _, value in (field.partition(":") for field in fields) if name.lower() == "retry-after"), "")
        return _BusyError(why, min(float(wanted), LONGEST_PAUSE) if wanted.isascii() and wanted.isdigit() else AGAIN_SECONDS)

    @property
    def _no_token(self) -> str:
        return f"the daemon at {self.address} asks for its token: name it in the configuration (http.token_file)"

    @property
    def _no_daemon(self) -> str:
        return f"what answers at {self.address} is no connwatch daemon"


class _BusyError(Exception):
    """The daemon has no stream for us now. `pause` in seconds."""

    def __init__(self, why: str, pause: float) -> None:
        super().__init__(why)
        self.pause = max(pause, AGAIN_SECONDS)


def _blocks(link: socket.socket, longest: float) -> Iterator[bytes]:
    """What comes, b"" where nothing comes in time, until the connection ends or is silent for longer than `longest` seconds."""
    heard = time.monotonic()
    while time.monotonic() - heard <= longest:
        try:
            block = link.recv(65536)
        except TimeoutError:
            yield b""
            continue
        if not block:
            return
        heard = time.monotonic()
        yield block


def _head(blocks: Iterator[bytes]) -> tuple[str, bytes]:
    """The head of an answer, and what came of its body with it. Both are empty where there is no answer."""
    found = b""
    for block in islice(blocks, MOST_BLOCKS):
        found += block
        head, end, rest = found.partition(b"\r\n\r\n")
        if end:
            return head.decode("latin-1"), rest
    return ("", b"") if found.startswith(b"HTTP/") else (found.decode("latin-1"), b"")


def daemon_of(settings: Settings | None, address: str | None) -> Daemon:
    """The daemon at `address`, or where the configuration says, or at the usual place. Raises ConfigError, a usage error for a bad address."""
    token = None
    listen = address or DEFAULT_ADDRESS
    if settings is not None:
        listen = address or settings.http.listen
        if settings.http.token_file is not None:
            from connwatch.settings.token import read_token

            token = read_token(settings.http.token_file)
    host, port = split_address(listen)
    return Daemon({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, token)  # noqa: S104 - asked for, not listened on
