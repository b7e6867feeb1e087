"""The conversation with a container engine: five kinds of GET through the docker SDK, nothing that changes anything. Knows no log, no cursor.

The SDK blocks, so each request runs on a thread (`flow.py`). Its own log reader is not used: it takes a broken connection for an end, drops
the channel, and cannot say `since` to the nanosecond.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from connwatch.model.errors import SourceError
from connwatch.sources.containers import EVENTS
from connwatch.sources.dialling import Dialler, Ssh, make_dialler, mistrust
from connwatch.sources.flow import Call, Flow, broken, outcome
from connwatch.sources.frames import MAX_LINE, GarbledError, Lines

__all__ = ["Link", "UnreadableError"]

PARTS = {"stdout": 1, "stderr": 1, "timestamps": 1}

T = TypeVar("T")


class UnreadableError(Exception):
    """The engine is there and cannot give this container's log; the text is its reason."""


class Link:
    """One engine. `host` as in DOCKER_HOST; None: the environment decides, as for the docker command. All errors are SourceError."""

    def __init__(self, host: str | None = None) -> None:
        self._host = host
        self._here = threading.local()
        self._client: Any = None
        self._dial: Dialler | None = None
        self.address = host or "the container engine"

    async def open(self) -> None:
        """Find the engine and agree on a version with it."""
        await self._run(self._open)

    async def containers(self, filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        """Every container that the filters let through, running or not."""
        listed = await self._run(lambda: self._json("/containers/json", {"all": 1, "filters": json.dumps(filters)}))
        return [dict(one) for one in listed or ()]

    async def inspect(self, container: str) -> dict[str, Any] | None:
        """All about one container; None when it does not exist."""
        found: dict[str, Any] | None = await self._run(lambda: self._json(f"/containers/{container}/json", {}))
        return found

    async def newest(self, container: str, *, terminal: bool) -> int | None:
        """The stamp of the newest line of a log, in nanoseconds; None for an empty log. Raises UnreadableError."""

        def ask() -> bytes:
            with self._get(f"/containers/{container}/logs", {**PARTS, "tail": 1}) as response:
                self._check(response, readable=True)
                return bytes(response.content)

        lines = Lines(raw=terminal)
        try:
            last = [*lines.feed(await self._run(ask)), *lines.finish()]
        except GarbledError as error:
            raise UnreadableError(str(error)) from error
        return max((line.at for line in last if line.at is not None), default=None)

    async def oldest(self, container: str, *, terminal: bool) -> int | None:
        """The stamp of the oldest line that is still held, in nanoseconds; None where there is none that can be read."""
        flow = await self._flow(f"/containers/{container}/logs", dict(PARTS), readable=True)
        lines = Lines(raw=terminal)
        try:
            while block := await flow.read():
                for line in lines.feed(block):
                    return line.at
        except GarbledError as error:
            raise UnreadableError(str(error)) from error
        finally:
            await flow.close()
        return None

    async def last(self, container: str, count: int, *, terminal: bool) -> list[str]:
        """The last `count` lines of a log at most, stamps included, and no more than a mebibyte of them. Raises UnreadableError."""
        flow = await self._flow(f"/containers/{container}/logs", {**PARTS, "tail": count}, readable=True)
        lines, found, taken = Lines(raw=terminal), [], 0
        try:
            while taken < MAX_LINE and (block := await flow.read()):
                taken += len(block)
                found += lines.feed(block)
            found += lines.finish()
        except GarbledError as error:
            raise UnreadableError(str(error)) from error
        finally:
            await flow.close()
        return [line.raw.decode(errors="replace").rstrip("\r\n") for line in found[-count:]]

    async def follow(self, container: str, since: str) -> Flow:
        """The log from `since` (seconds.nanoseconds, inclusive) on, and what is written from now. Raises UnreadableError."""
        return await self._flow(f"/containers/{container}/logs", {**PARTS, "follow": 1, "since": since}, readable=True)

    async def events(self, since: str | None) -> Flow:
        """What happens to containers from now on, and since then."""
        filters = json.dumps({"type": ["container"], "event": list(EVENTS)})
        return await self._flow("/events", {"filters": filters, **({"since": since} if since else {})}, readable=False)

    async def close(self) -> None:
        """Let go of the engine. Flows are closed by those who opened them."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        if isinstance(self._dial, Ssh):
            await asyncio.to_thread(self._dial.close)

    async def _flow(self, path: str, query: dict[str, object], *, readable: bool) -> Flow:
        call = Call()
        flow = Flow(call)
        opened: Future[None] = Future()

        def work() -> None:
            self._here.call = call
            try:
                try:
                    response = self._get(path, query)
                    self._check(response, readable=readable)
                except BaseException as error:  # noqa: BLE001 - it is raised where the flow is waited for
                    opened.set_exception(error)
                    return
                flow.began = _moment(response.headers.get("Date"))
                opened.set_result(None)
                flow.pump(response)
            finally:
                flow.leave()

        threading.Thread(target=work, name=f"docker {path}", daemon=True).start()
        try:
            await self._outcome(opened, call)
        except BaseException:
            await flow.close()
            raise
        return flow

    async def _run(self, ask: Callable[[], T]) -> T:
        call = Call()
        done: Future[T] = Future()

        def work() -> None:
            self._here.call = call
            try:
                done.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                done.set_exception(error)

        threading.Thread(target=work, name="docker", daemon=True).start()
        return await self._outcome(done, call)

    async def _outcome(self, future: Future[T], call: Call) -> T:
        try:
            return await outcome(future, call)
        except broken() as error:
            raise SourceError(self._told(call.trouble or error)) from error

    def _told(self, error: BaseException) -> str:
        if isinstance(error, PermissionError):
            hint = "let this user into the group docker, or give the address of a socket proxy as `host`"
            return f"no permission to use {self.address} ({hint})"
        if (wrong := mistrust(error)) is not None:
            return f"the container engine at {self.address} cannot be used: {wrong}"
        if isinstance(error, ValueError):
            return f"what {self.address} answers is no JSON: is it a container engine?"
        slow = "Timeout" in type(error).__name__  # the SDK's, the session's and the socket's have only the word in common
        broken = "it does not answer in time" if slow else "the connection was broken"
        reason = error.strerror if isinstance(error, OSError) and error.strerror else broken
        return f"no container engine answers at {self.address}: {reason}"

    # on a thread

    def _open(self) -> None:
        from connwatch.sources.dockersession import OLDEST, find_engine, open_session

        self.address, tls = find_engine(self._host)
        self._dial = make_dialler(self.address, tls)
        dial = self._dial
        self._client = open_session(lambda: self._here.call.dialled(dial), OLDEST)
        answer = self._json("/version", {}, versioned=False)
        version = answer.get("ApiVersion") if isinstance(answer, dict) else None
        if not isinstance(version, str):
            raise SourceError(f"{self.address} does not say which version of the engine's API it speaks: is it a container engine?")
        self._client = open_session(lambda: self._here.call.dialled(dial), version)

    def _get(self, path: str, query: Mapping[str, object], *, versioned: bool = True) -> Any:
        client = self._client
        url = client._url(path, versioned_api=versioned)  # noqa: SLF001 - the SDK's own requests go this way
        return client._get(url, params=dict(query), stream=True, headers={"Connection": "close"})  # noqa: SLF001

    def _json(self, path: str, query: Mapping[str, object], *, versioned: bool = True) -> Any:
        with self._get(path, query, versioned=versioned) as response:
            if response.status_code == http.client.NOT_FOUND:
                return None
            self._check(response, readable=False)
            return response.json()

    def _check(self, response: Any, *, readable: bool) -> None:
        """`readable`: whether a refusal is about one container's log rather than about the engine."""
        status = response.status_code
        if status == http.client.OK:
            return
        path = response.url.partition("localhost")[2].partition("?")[0]
        with response:
            said = " ".join(response.content[:1000].decode(errors="replace").split())
        try:
            said = str(json.loads(said)["message"])
        except (ValueError, KeyError, TypeError):
            pass
        if status in (http.client.FORBIDDEN, http.client.UNAUTHORIZED):
            raise SourceError(f"{self.address} refuses GET {path} ({status}): a socket proxy needs CONTAINERS=1 and EVENTS=1")
        if readable:
            raise UnreadableError(said or f"status {status}")
        raise SourceError(f"{self.address} answers GET {path} with {status}: {said[:200]}")


def _moment(date: str | None) -> str | None:
    try:
        return str(int(parsedate_to_datetime(date or "").timestamp()))
    except ValueError:
        return None
