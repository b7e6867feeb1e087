"""Tells a URL regularly that connwatch lives, so that somebody else notices when it does not (Healthchecks and its like alert on silence).

The URL is a secret: whoever has it can pretend. It is in no message. Must not know what alive means.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import IO, Any, Final

__all__ = ["TIMEOUT", "Heartbeat", "ping"]

log = logging.getLogger("connwatch")

TIMEOUT: Final = 10.0


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows to http and https alone, and from https not to http: the URL would be readable on the way."""

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> Any:
        """As urllib has it."""
        schema = newurl.partition(":")[0].lower()
        if schema != "https" and (schema != "http" or req.type == "https"):
            raise urllib.error.HTTPError(req.full_url, code, "a redirect to another schema", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def ping(url: str, seconds: float = TIMEOUT) -> str:
    """One GET; the body is not read. Returns "" or what went wrong, without a word of the URL."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(), _WebOnly(),
    ):  # fmt: skip
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"User-Agent": "connwatch"})  # noqa: S310 - the opener knows http and https alone
    try:
        with opener.open(request, timeout=seconds):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return "answered with a redirect to another schema" if error.code in range(300, 400) else f"answered {error.code}"
    except TimeoutError:
        return f"did not answer within {seconds:g} s"
    except urllib.error.URLError as error:
        return _kind(error.reason)
    except Exception as error:  # noqa: BLE001 - http.client has many; their words may hold the URL
        return _kind(error)


def _kind(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    if isinstance(error, ssl.SSLError):  # its words hold the name of the host
        return "could not agree on encryption, or showed a certificate that is not trusted"
    return f"cannot be reached ({error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__})"


class Heartbeat:
    """Pings `url` every `every` seconds while `alive()`; while it is not, nothing is sent, and that is the news. `failures` counts.

    `reach` is what pings, in a thread of its own that may hang for longer than its time-out (a service that answers drop by drop); there is
    at most one, and it does not keep the program from ending.
    """

    def __init__(self, url: str, alive: Callable[[], bool], every: float = 60.0, reach: Callable[[str], str] = ping) -> None:
        self._url, self._alive, self._every, self._reach = url, alive, every, reach
        self.sent = 0
        self.failures = 0
        self._failing = False
        self._thread: threading.Thread | None = None  # the one whose answer has not come

    async def run(self) -> None:
        """Until it is cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            if self._alive():
                self._note(await self._ping())
            await asyncio.sleep(max(self._every - (clock() - began), 0.0))

    async def _ping(self) -> str:
        if self._thread is not None and self._thread.is_alive():
            return "still has not answered the one before"
        loop, answer = asyncio.get_running_loop(), asyncio.Queue[str]()

        def reach() -> None:
            done = self._reach(self._url)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(answer.put_nowait, done)

        self._thread = threading.Thread(target=reach, name="heartbeat", daemon=True)
        self._thread.start()
        try:
            async with asyncio.timeout(TIMEOUT + 1):
                done = await answer.get()
        except TimeoutError:
            return f"did not answer within {TIMEOUT:g} s"
        self._thread = None  # it has answered; that it has not ended yet means nothing
        return done

    def _note(self, problem: str) -> None:
        if not problem:
            self.sent += 1
            if self._failing:
                log.info("the heartbeat's URL answers again")
            self._failing = False
            return
        self.failures += 1
        if not self._failing:
            log.warning("the heartbeat's URL %s; it is tried every %g s", problem, self._every)
        self._failing = True
