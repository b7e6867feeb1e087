"""The HTTP application: metrics, health, attempts, marks and sources as JSON, changes as they happen, and one plain page. Read-only.

docs/http.md says for users what each path answers. Everything it answers was redacted at the parser's edge. The page
has no inline script and puts text into the document as text only.
"""

from __future__ import annotations

import json
from asyncio import sleep, to_thread
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from connwatch.diagnose.serial import attempt_detail, attempt_row, change_row, mark_rows
from connwatch.model.attempt import Attempt
from connwatch.model.change import Change
from connwatch.model.errors import SourceError
from connwatch.sinks.bus import Bus
from connwatch.store.codec import written_attempt
from connwatch.store.library import Library
from connwatch.web.asking import QuestionError, cursor_of, heard_by, limit_of, moment_of, selection_of, wanted_by, written_cursor
from connwatch.web.guard import Guard
from connwatch.web.sse import PORTION, follow

__all__ = ["AROUND", "Health", "View", "create_app"]

AROUND = 60.0
"""Seconds before and after an attempt within which marks may explain it."""
FRESH = 2
"""Turns of the event loop that a scrape waits for, so that lines which were there when it came are read and counted first."""
MOST_MARKS = 1000
MOST_READERS = 32
"""Streams of changes at one time."""
_LAST = 253_402_300_799.0  # the end of the year 9999
STATIC: dict[str, tuple[str, str]] = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/waterfall.js": ("waterfall.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
}


class Health(Protocol):
    """What the two health checks ask."""

    def alive(self) -> bool:
        """Whether the engine's loop turns."""
        ...

    def ready(self) -> bool:
        """Whether every source is attached and heard."""
        ...

    def report(self) -> list[dict[str, Any]]:
        """Each source as it is: see docs/http.md, /api/sources."""
        ...

    def trouble(self) -> str:
        """What is wrong with keeping the state, in a sentence, or ""."""
        ...


@dataclass(slots=True)
class View:
    """What the pages show. `metrics` takes an Accept header and gives the exposition and its content type."""

    library: Library
    bus: Bus
    metrics: Callable[[str], tuple[bytes, str]]
    health: Health


def create_app(view: View, token: str | None = None) -> ASGIApp:
    """The application. `token`: see Guard."""
    site = _Site(view)
    routes = [
        Route("/metrics", site.metrics),
        Route("/healthz", site.healthz),
        Route("/readyz", site.readyz),
        Route("/api/attempts", site.attempts),
        Route("/api/attempts/{id}", site.attempt),
        Route("/api/changes", site.changes),
        Route("/api/marks", site.marks),
        Route("/api/sources", site.sources),
        *(Route(path, _static(*what)) for path, what in STATIC.items()),
    ]
    app = Starlette(routes=routes, exception_handlers={QuestionError: _bad_question, SourceError: _unreadable, 404: _nothing_there})
    app.router.redirect_slashes = False  # a redirect would repeat whatever the Host header says
    return Guard(app, token)


async def _bad_question(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _unreadable(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 503)


async def _nothing_there(request: Request, _: Exception) -> Response:
    if request.scope["path"].startswith("/api/"):
        return JSONResponse({"error": "nothing is answered at this path; docs/http.md lists those that there are"}, 404)
    return PlainTextResponse("Not Found\n", 404)


class _Site:
    def __init__(self, view: View) -> None:
        self._view = view
        self._readers = 0

    async def metrics(self, request: Request) -> Response:
        for _ in range(FRESH):
            await sleep(0)
        body, content_type = self._view.metrics(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(self, _: Request) -> Response:
        alive = self._view.health.alive()
        return PlainTextResponse("alive\n" if alive else "the engine's loop stands still\n", 200 if alive else 503)

    async def readyz(self, _: Request) -> Response:
        health = self._view.health
        ready = health.ready()
        sources = [{key: row[key] for key in ("name", "state", "attached", "deaf", "note", "warning")} for row in health.report()]
        return JSONResponse({"ready": ready, "sources": sources, "state": {"note": health.trouble()}}, 200 if ready else 503)

    async def attempts(self, request: Request) -> Response:
        query = request.query_params
        selection, limit, after, written = selection_of(query), limit_of(query), cursor_of(query), _form(query.get("form"), _listed)
        position = self._view.bus.position  # before the question: what is told meanwhile comes again, and nothing is missed
        found = await to_thread(self._view.library.attempts, selection, limit=limit + 1, after=after)
        page = found[:limit]
        following = written_cursor(page[-1]) if len(found) > limit else None
        return JSONResponse({"position": position, "next": following, "attempts": [written(one) for one in page]})

    async def attempt(self, request: Request) -> Response:
        wanted, written = request.path_params["id"], _form(request.query_params.get("form"), attempt_detail)
        found = await to_thread(self._view.library.called, wanted)
        exact = [one for one in found if one.id == wanted] or found
        if not exact:
            return JSONResponse({"error": f"no attempt is known whose id begins with {wanted[:60]!r}"}, 404)
        if len(exact) > 1:
            ids = [one.id for one in exact]
            return JSONResponse({"error": f"{wanted[:60]!r} begins several ids: {', '.join(ids)}", "several": ids}, 404)
        start, end = exact[0].started_at - AROUND, exact[0].ended_at + AROUND
        return JSONResponse({**written(exact[0]), "marks": await to_thread(self._marks_between, start, end)})

    async def marks(self, request: Request) -> Response:
        since, until = moment_of(request.query_params, "since"), moment_of(request.query_params, "until")
        found = await to_thread(self._marks_between, 0.0 if since is None else since, _LAST if until is None else until)
        return JSONResponse({"marks": found[-MOST_MARKS:], "left_out": max(len(found) - MOST_MARKS, 0)})

    def _marks_between(self, start: float, end: float) -> list[dict[str, Any]]:
        library = self._view.library
        return mark_rows(library.marks(start, end), library.gaps(start, end))

    async def sources(self, _: Request) -> Response:
        return JSONResponse({"sources": self._view.health.report(), "state": {"note": self._view.health.trouble()}})

    async def changes(self, request: Request) -> Response:
        wanted = wanted_by(request.query_params)
        if self._readers >= MOST_READERS:
            return JSONResponse({"error": f"{MOST_READERS} streams are open already, which is the most"}, 503, headers={"Retry-After": "30"})
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")  # who asks for no stream gets none that never ends
        after = request.headers.get("last-event-id") or request.query_params.get("after")

        def wanted_change(change: Change) -> bool:
            return wanted(change.attempt)

        def older(numbers: range) -> Awaitable[list[tuple[int, Change | None]]]:
            return to_thread(self._view.library.changes, numbers, PORTION)

        at_once = heard_by(request.query_params)
        stream = follow(self._view.bus, after, change_row, wanted=wanted_change, older=older, wanted_at_once=at_once)
        self._readers += 1
        return _Stream(stream, self._stream_ended)

    def _stream_ended(self) -> None:
        self._readers -= 1


class _Stream(StreamingResponse):
    """A stream of events. `ended` is called however it ends: a reader that is gone before the first word never starts the generator."""

    def __init__(self, events: AsyncGenerator[str, None], ended: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._events, self._ended = events, ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send)
        finally:
            self._ended()


def _listed(attempt: Attempt) -> dict[str, Any]:
    """An attempt in a list: the published form, and whether it is under way."""
    return {**attempt_row(attempt), "open": attempt.open}


def _form(name: str | None, usual: Callable[[Attempt], dict[str, Any]]) -> Callable[[Attempt], dict[str, Any]]:
    """How attempts are written: "stored" is what the state holds, for our own commands, which draw and report from the whole attempt."""
    if name is None:
        return usual
    if name != "stored":
        raise QuestionError("form is stored, or left out")

    def stored(attempt: Attempt) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(written_attempt(attempt))
        return found

    return stored


def _static(name: str, media_type: str) -> Callable[[Request], Any]:
    body = (resources.files("connwatch.web") / "static" / name).read_bytes()

    async def serve(_: Request) -> Response:
        return Response(body, headers={"Content-Type": media_type})

    return serve
