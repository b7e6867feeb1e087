"""The heartbeat against a real web server: it is silent while connwatch is not alive, and never shows its URL."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from connwatch.notify.heartbeat import Heartbeat, ping
from support.live import free_port, until
from support.services import web

SECRET = "3f1c-secret-of-the-check"


def test_it_is_heard_while_alive_and_only_then() -> None:
    async def run() -> None:
        with web() as service:
            alive = True
            beat = Heartbeat(service.url(f"/{SECRET}"), lambda: alive, every=0.02)
            task = asyncio.create_task(beat.run())
            await until(lambda: len(service.requests) >= 2)
            alive = False
            await until(lambda: beat._thread is None and beat.sent == len(service.requests))
            heard = len(service.requests)
            await asyncio.sleep(0.1)  # five beats: silence can only be waited for
            assert len(service.requests) == heard
            alive = True
            await until(lambda: len(service.requests) > heard)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert service.requests[0].path == f"/{SECRET}"

    asyncio.run(run())


def test_failures_are_counted_and_told_once_a_streak(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "connwatch")

    async def run() -> None:
        with web(status=500) as service:
            beat = Heartbeat(service.url(f"/{SECRET}"), lambda: True, every=0.01)
            task = asyncio.create_task(beat.run())
            await until(lambda: beat.failures >= 3)
            service.status = 200
            await until(lambda: beat.sent >= 1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert caplog.messages == ["the heartbeat's URL answered 500; it is tried every 0.01 s", "the heartbeat's URL answers again"]


def test_a_thread_that_has_answered_and_not_ended_yet_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "is_alive", lambda _: True)

    async def run() -> None:
        beat = Heartbeat("https://example.org/", lambda: True, every=0.01, reach=lambda _: "")
        task = asyncio.create_task(beat.run())
        await until(lambda: beat.sent >= 2)
        assert beat.failures == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_one_that_never_answers_holds_up_neither_the_loop_nor_the_end() -> None:
    async def run() -> None:
        release = threading.Event()
        beat = Heartbeat("https://example.org/", lambda: True, every=0.01, reach=lambda _: str(release.wait(30)))
        task = asyncio.create_task(beat.run())
        await until(lambda: beat._thread is not None and beat._thread.is_alive())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        release.set()

    asyncio.run(run())


def test_what_goes_wrong_is_said_without_the_url() -> None:
    with web(status=302, headers={"Location": "file:///etc/passwd"}) as service:
        assert ping(service.url(f"/{SECRET}")) == "answered with a redirect to another schema"
    with web(status=302, headers={"Location": f"ftp://{SECRET}/"}) as service:
        assert ping(service.url(f"/{SECRET}")) == "answered with a redirect to another schema"
    with web(silent=True) as service:
        assert ping(service.url(f"/{SECRET}"), 0.2) == "did not answer within 0.2 s"
    assert ping(f"http://127.0.0.1:{free_port()}/{SECRET}") == "cannot be reached (Connection refused)"
    with web(raw=b"nonsense\r\n\r\n") as service:
        assert ping(service.url(f"/{SECRET}")) == "cannot be reached (BadStatusLine)"


def test_it_follows_to_the_web() -> None:
    with web() as there, web(status=302, headers={"Location": there.url("/moved")}) as here:
        assert ping(here.url("/")) == ""
        assert there.requests[0].path == "/moved"
