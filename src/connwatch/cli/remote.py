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
                raise SourceError(f"the daemon at {self.address} asks for its token: name it in the configuration (http.token_file)")
            found = json.loads(body)
            if answer.status not in statuses and isinstance(found, dict) and "error" in found:
                raise SourceError(f"the daemon at {self.address} answers: {found['error']}")
            found = found if answer.status in statuses else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SourceError(f"no daemon answers at {self.address}") from error
        finally:
            link.close()
        if not isinstance(found, dict):
            raise SourceError(f"what answers at {self.address} is no connwatch daemon")
        return found

    def changes(self, after: str, *, say: Callable[[str], None]) -> Iterator[Row | None]:
        """Changes after a position, for ever; None about once a second of silence. A cut connection is taken up where it broke."""
        told = False
        while True:
            try:
                with socket.create_connection((self._host, self._port), timeout=CONNECT_SECONDS) as link:
                    for place, row in self._events(link, after):
                        after = place
                        if told:
                            say(f"the daemon at {self.address} is back")
                            told = False
                        if row is not None and "lost" in row:
                            say(f"{row['lost']} changes came faster than they could be shown and are left out")
                        else:
                            yield row
            except (OSError, ValueError):
                pass
            if not told:
                told = True
                say(f"the daemon at {self.address} went away; trying again")
            yield None
            time.sleep(AGAIN_SECONDS)

    def _events(self, link: socket.socket, position: str) -> Iterator[tuple[str, Row | None]]:
        headers = {"Host": self.address, "Last-Event-ID": position, **self._headers}
        link.sendall(("GET /api/changes HTTP/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n").encode())
        link.settimeout(1.0)
        heard = time.monotonic()
        rest, event = b"", {"id": position}
        while True:
            try:
                block = link.recv(65536)
            except TimeoutError:
                if time.monotonic() - heard > SILENT_SECONDS:
                    return
                yield event["id"], None
                continue
            if not block:
                return
            heard = time.monotonic()
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                name, _, value = line.decode("utf-8", "replace").rstrip("\r").partition(": ")
                if name in ("id", "event", "data"):
                    event[name] = value
                elif not name and "data" in event:
                    row: Row = {"lost": event["data"]} if event.get("event") == "lost" else json.loads(event["data"])
                    event = {"id": event["id"]}
                    yield event["id"], row


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
