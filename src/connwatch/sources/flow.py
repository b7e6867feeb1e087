"""A blocking request on a thread of its own, and its bytes on the event loop. It must not know what is asked or answered.

Whoever stops waiting hangs up the request's socket, and the thread ends. A flow whose reader is slow stops reading its socket, so that
the other side feels it.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from connwatch.sources.dialling import Dialler, hang_up

__all__ = ["Call", "Flow", "broken", "outcome"]

BLOCK = 64 * 1024
WAITING = 256 * 1024
"""Bytes that wait in a flow before its thread stops reading."""
LEAVE_SECONDS = 0.8

T = TypeVar("T")


class Call:
    """One request on a thread: its socket, and whether nobody waits for it any more."""

    def __init__(self) -> None:
        self.plug: socket.socket | None = None
        self.trouble: OSError | None = None
        self.over = False

    def dialled(self, dial: Dialler) -> socket.socket:
        """Dial for this request, on its thread. What goes wrong is kept in `trouble`: others wrap it until it says nothing."""
        try:
            self.plug = dial()
        except OSError as error:
            self.trouble = error
            raise
        if self.over:
            hang_up(self.plug)
        return self.plug

    def end(self) -> None:
        """Nobody waits for it any more."""
        self.over = True
        if self.plug is not None:
            hang_up(self.plug)


class Flow:
    """A response that goes on: `read` gives its next bytes, b"" at its end, whatever ended it.

    `complete`: it was the response that ended, and not the connection under it. `began` is when, by the engine's clock, in whole seconds since
    the epoch; None where it does not say.
    """

    def __init__(self, call: Call) -> None:
        self.began: str | None = None
        self.complete = False
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._filled, self._left = asyncio.Event(), asyncio.Event()
        self._room = threading.Condition()

    async def read(self) -> bytes:
        """Wait for the next bytes."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            with self._room:
                data = bytes(self._waiting)
                self._waiting.clear()
                self._room.notify()
            if self._left.is_set():
                self._filled.set()
            if data or self._left.is_set():
                return data

    async def close(self) -> None:
        """Hang up and see the thread leave."""
        self._call.end()
        with self._room:
            self._room.notify()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._left.wait()
        except TimeoutError:
            pass  # it hangs in a system call without a socket (a name being looked up) and leaves after that

    def pump(self, response: Any) -> None:
        """On the thread: carry the response over to the loop until it ends."""
        body = response.raw._original_response  # noqa: SLF001 - read through the layers above it would wait for a whole block
        try:
            if self._call.plug is not None:
                self._call.plug.settimeout(None)
            while not self._call.over:
                if not (block := body.read1(BLOCK)):
                    self.complete = not body.length  # of a response in chunks it is None, and one that breaks off raises
                    break
                with self._room:
                    self._room.wait_for(lambda: len(self._waiting) < WAITING or self._call.over)
                    first = not self._waiting  # the engine sends line by line: one ring is enough for all that wait
                    self._waiting += block
                if first:
                    self._tell(self._filled.set)
        except broken():
            pass  # says no more than an end would: the reader looks at the container in either case
        finally:
            response.close()

    def leave(self) -> None:
        """On the thread: nothing more will come."""
        self._tell(self._ended)

    def _tell(self, what: Callable[..., None], *with_: object) -> None:
        try:
            self._loop.call_soon_threadsafe(what, *with_)
        except RuntimeError:
            pass  # the loop was closed without waiting for anybody

    def _ended(self) -> None:
        self._left.set()
        self._filled.set()


async def outcome(future: Future[T], call: Call) -> T:
    """Wait for what a thread answers; hang up where the waiting is cancelled."""
    waiting = asyncio.wrap_future(future)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        call.end()
        await asyncio.wait([waiting], timeout=LEAVE_SECONDS)
        if waiting.done():
            waiting.exception()
        raise


def broken() -> tuple[type[Exception], ...]:
    """Everything that is raised where a connection breaks. The session's errors are OSErrors; a JSON answer that is none is a ValueError."""
    import docker.errors

    return (OSError, ValueError, http.client.HTTPException, docker.errors.DockerException)
