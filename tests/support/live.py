"""A running service for tests: real files, a real loop, a real port, and waiting on conditions instead of sleeping."""

from __future__ import annotations

import asyncio
import http.client
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from connwatch.daemon.service import Service
from connwatch.web.server import listen


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return as soon as `condition` holds; fail when it does not in time."""
    clock = asyncio.get_running_loop().time
    give_up = clock() + seconds
    while not condition():
        assert clock() < give_up, "waited in vain"
        await asyncio.sleep(0.005)


async def until_so(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """The same for what has to be asked."""
    clock = asyncio.get_running_loop().time
    give_up = clock() + seconds
    while not await condition():
        assert clock() < give_up, "waited in vain"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[int]:
    """The service at work; yields its port."""
    plug = listen("127.0.0.1", 0, token=service.token is not None)
    port: int = plug.getsockname()[1]
    ready = asyncio.Event()
    task = asyncio.create_task(service.run(plug, ready=ready.set))
    try:
        await asyncio.wait({asyncio.create_task(ready.wait()), task}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        yield port
    finally:
        service.stop()
        await task


async def get(port: int, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """One request: status, headers, body."""

    def ask() -> tuple[int, dict[str, str], str]:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            link.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = link.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
        finally:
            link.close()

    return await asyncio.to_thread(ask)


async def read_events(port: int, path: str, count: int, **headers: str) -> list[dict[str, str]]:
    """The first `count` events of an event stream, each as its fields."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n{lines}\r\n".encode())
    found: list[dict[str, str]] = []
    event: dict[str, str] = {}
    try:
        async with asyncio.timeout(10):
            while len(found) < count:
                line = (await reader.readline()).decode().rstrip("\r\n")
                if line.startswith(("id:", "event:", "data:")):
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif not line and "data" in event:
                    found.append(event)
                    event = {}
    finally:
        writer.close()
    return found


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
