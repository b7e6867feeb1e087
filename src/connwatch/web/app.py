"""The HTTP application: metrics, health, attempts as JSON, changes as they happen, and one plain page. Read-only; decides nothing.

Everything it answers was redacted at the parser's edge. The page has no inline script and puts text into the document as text only.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from connwatch.diagnose.serial import attempt_detail, attempt_row, change_row
from connwatch.model.attempt import Attempt
from connwatch.model.change import Change
from connwatch.sinks.bus import Bus
from connwatch.store.library import Choice, Library
from connwatch.web.guard import Guard
from connwatch.web.sse import follow

__all__ = ["Health", "View", "create_app"]

MOST_LISTED = 500
STATIC: dict[str, tuple[str, str]] = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
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
        """Each source with its state and a note."""
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
        *(Route(path, _static(*what)) for path, what in STATIC.items()),
    ]
    return Guard(Starlette(routes=routes), token)


class _Site:
    def __init__(self, view: View) -> None:
        self._view = view

    async def metrics(self, request: Request) -> Response:
        body, content_type = self._view.metrics(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def healthz(self, _: Request) -> Response:
        alive = self._view.health.alive()
        return PlainTextResponse("alive\n" if alive else "the engine's loop stands still\n", 200 if alive else 503)

    async def readyz(self, _: Request) -> Response:
        ready = self._view.health.ready()
        return JSONResponse({"ready": ready, "sources": self._view.health.report()}, 200 if ready else 503)

    async def attempts(self, request: Request) -> Response:
        query = request.query_params
        clients, servers, outcomes = (query.getlist(name) for name in ("client", "server", "outcome"))
        choice = Choice(clients, servers, outcomes)
        try:
            limit = min(max(int(request.query_params.get("limit", "100")), 1), MOST_LISTED)
        except ValueError:
            return JSONResponse({"error": "limit is a number"}, 400)
        position = self._view.bus.position  # before the question: what is told meanwhile comes again, and nothing is missed
        found = await to_thread(self._view.library.attempts, choice, limit=limit)
        return JSONResponse({"position": position, "attempts": [{**attempt_row(one), "open": one.open} for one in found]})

    async def attempt(self, request: Request) -> Response:
        found = await to_thread(self._view.library.called, request.path_params["id"])
        exact = [one for one in found if one.id == request.path_params["id"]] or found
        if len(exact) != 1:
            return JSONResponse({"error": "several attempts are called so" if exact else "no such attempt is remembered"}, 404)
        return JSONResponse(attempt_detail(exact[0]))

    async def changes(self, request: Request) -> Response:
        wanted = _filter(request)
        after = request.headers.get("last-event-id") or request.query_params.get("after")

        def wanted_change(change: Change) -> bool:
            return wanted(change.attempt)

        stream = follow(self._view.bus, after, change_row, wanted=wanted_change)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _filter(request: Request) -> Callable[[Attempt], bool]:
    """`client`, `server` and `outcome` in the query narrow down what is listed."""
    client, server, outcome = (request.query_params.get(name) for name in ("client", "server", "outcome"))

    def wanted(attempt: Attempt) -> bool:
        return (
            (client is None or attempt.client == client)
            and (server is None or attempt.server == server)
            and (outcome is None or attempt.outcome.value == outcome)
        )

    return wanted


def _static(name: str, media_type: str) -> Callable[[Request], Any]:
    body = (resources.files("connwatch.web") / "static" / name).read_bytes()

    async def serve(_: Request) -> Response:
        return Response(body, headers={"Content-Type": media_type})

    return serve
