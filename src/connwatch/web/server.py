"""One HTTP server inside somebody else's event loop: the daemon owns the signals and the socket, uvicorn the protocol."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from connwatch.model.errors import ConfigError, SourceError
from connwatch.web.guard import HEADERS, is_loopback
from connwatch.web.patience import Patient

__all__ = ["listen", "server"]

GRACE_SECONDS = 3


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield


class _Protocol(Patient):
    headers_always = HEADERS


def server(app: ASGIApp) -> uvicorn.Server:
    """Run it with `await server.serve(sockets=[…])`; stop it by setting `should_exit`."""
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="error",  # what strangers send is no news of ours
            http=_Protocol,
            proxy_headers=False,  # nothing here depends on who says to have asked
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def listen(host: str, port: int, *, token: bool) -> socket.socket:
    """A listening socket. Raises ConfigError where that would show the attempts to others, SourceError where the port cannot be had."""
    if not token and not is_loopback(host):
        raise ConfigError(
            f"listening on {host} would show every attempt to whoever can reach it",
            key="http.listen",
            hint="listen on 127.0.0.1, or set http.token_file",
        )
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SourceError(f"cannot listen on {shown}: {error.strerror}", transient=True) from error
    try:
        if os.name == "posix":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(128)
        found.setblocking(False)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise SourceError(
                f"{shown} is taken by another program (another connwatch?); give a free one with --listen HOST:PORT", transient=True
            ) from error
        raise SourceError(f"cannot listen on {shown}: {error.strerror}", transient=True) from error
    return found
