"""How long a peer may keep a connection, and how many there may be. Knows bytes and times, nothing of what is asked or answered.

uvicorn waits for ever for the head of a request and for a reader of its answer. Here the first has `HEAD_SECONDS` and the second
`READ_SECONDS`; beyond `MOST_CONNECTIONS` the oldest that asks for nothing makes room, and where all ask the newcomer is sent away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

__all__ = ["HEAD_SECONDS", "MOST_CONNECTIONS", "READ_SECONDS", "Patient", "answer"]

HEAD_SECONDS: Final = 10.0
"""From the connection, or from the first byte after an answer, to the whole head of a request."""
READ_SECONDS: Final = 30.0
"""How long a peer may take nothing of what waits for it."""
MOST_CONNECTIONS: Final = 100


def answer(status: str, text: str, headers: Mapping[str, str]) -> bytes:
    """A whole answer, after which the connection is closed."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    lines += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(text.encode())}", "Connection: close", "", text]
    return "\r\n".join(lines).encode()


class Patient(H11Protocol):
    """uvicorn's protocol with these limits. `headers` go with what is answered before the application is asked."""

    headers_always: Mapping[str, str] = {}
    head_seconds, read_seconds, most = HEAD_SECONDS, READ_SECONDS, MOST_CONNECTIONS
    _until_head: asyncio.TimerHandle | None = None
    _until_read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See Protocol."""
        if len(self.connections) >= self.most:
            idle = [one for one in self.connections if isinstance(one, Patient) and one.due_at() is not None]
            if not idle:
                transport.write(answer("503 Service Unavailable", "Too many connections.\n", self.headers_always))
                self.transport = transport
                transport.close()
                return
            min(idle, key=lambda one: one.due_at() or 0.0).give_up()
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See Protocol."""
        self._head_came()
        self._was_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        super().data_received(data)
        if self._is_asking():
            self._head_came()
        elif self._until_head is None:
            self._expect_head()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP gets the headers of every answer too."""
        self.transport.write(answer("400 Bad Request", f"{msg}\n", self.headers_always))
        self.transport.close()

    def pause_writing(self) -> None:
        """See Protocol."""
        super().pause_writing()
        self._until_read = self.loop.call_later(self.read_seconds, self.give_up)

    def resume_writing(self) -> None:
        """See Protocol."""
        self._was_read()
        super().resume_writing()

    def _expect_head(self) -> None:
        self._until_head = self.loop.call_later(self.head_seconds, self._no_head)

    def _no_head(self) -> None:
        if not self._is_asking():
            self.give_up()

    def due_at(self) -> float | None:
        """When a head must have come, on the loop's clock; None while one is being answered."""
        return None if self._until_head is None else self._until_head.when()

    def give_up(self) -> None:
        """End the connection at once."""
        self.connections.discard(self)
        self.transport.abort()

    def _is_asking(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _head_came(self) -> None:
        if self._until_head is not None:
            self._until_head.cancel()
            self._until_head = None

    def _was_read(self) -> None:
        if self._until_read is not None:
            self._until_read.cancel()
            self._until_read = None
