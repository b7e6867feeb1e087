"""Who may look: everybody on this machine by default, a holder of the token where we listen beyond it. Also the headers of every answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Guard", "is_loopback"]

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,255}))(?::[0-9]{1,5})?")


def is_loopback(host: str) -> bool:
    """Whether an address or name reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Wraps the application. Without a token only requests that name this machine as their host are answered, because any web page can
    make a browser send requests to a loopback port under a name of its own (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        headers = Headers(scope=scope)
        app: ASGIApp = self._app
        if _is_from_elsewhere(headers):
            app = PlainTextResponse("Pages of other sites may link here, and not ask.\n", 403)
        elif self._token is None:
            if scope["path"] != "/healthz" and not is_loopback(_host(headers.get("host", ""))):
                app = PlainTextResponse("This address answers to its own name only: use http://127.0.0.1.\n", 421)
        elif scope["path"] not in OPEN_PATHS and not _holds(headers.get("authorization", ""), self._token):
            app = PlainTextResponse("A token is needed.\n", 401, headers={"WWW-Authenticate": 'Basic realm="connwatch", Bearer'})
        await app(scope, receive, with_headers)


def _is_from_elsewhere(headers: Headers) -> bool:
    """Whether a browser says that a page of another site asks. A person who follows a link from there is welcome."""
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"


def _host(header: str) -> str:
    """The name in a Host header, or "" where it is none."""
    found = _HOST.fullmatch(header)
    return "" if found is None else (found[1] or found[2])


def _holds(authorization: str, token: str) -> bool:
    """`Bearer TOKEN`, or `Basic` with the token as password: browsers can ask for that, and send it with an event stream."""
    scheme, _, value = authorization.partition(" ")
    given = b""
    if scheme.lower() == "bearer":
        given = value.strip().encode()
    elif scheme.lower() == "basic":
        try:
            given = base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            given = b""
    return hmac.compare_digest(given, token.encode())
