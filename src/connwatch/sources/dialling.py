"""Sockets to a container engine: a local path, TCP, TLS, or the system's ssh with its own configuration. Knows nothing of what is said over them.

Over ssh each connection is one `docker system dial-stdio` on the other side, as the docker command does it: keys, jump hosts and known hosts
are those of the system's ssh.
"""

from __future__ import annotations

import shlex
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connwatch.model.errors import SourceError

__all__ = ["CONNECT_SECONDS", "Dialler", "Ssh", "hang_up", "make_dialler", "mistrust"]

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 15
_SSH = ("ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", f"ServerAliveInterval={KEEPALIVE_SECONDS}", "-o", "ServerAliveCountMax=2")

Dialler = Callable[[], socket.socket]
"""Makes a connected socket. Raises OSError."""


def make_dialler(address: str, tls: Any = None) -> Dialler:
    """How to reach `address` (unix://, tcp://, http(s):// or ssh://). `tls` is the SDK's TLSConfig.

    Raises SourceError for any other address, and for certificates that cannot be read.
    """
    parts = urlsplit(address.replace("http+unix://", "unix://", 1))
    if parts.scheme == "unix":
        path = f"{parts.netloc}{parts.path}"
        return lambda: _unix(path if path.startswith("/") else f"/{path}")
    host = parts.hostname
    if host and parts.scheme == "ssh":
        return Ssh(parts.netloc.rpartition("@")[0], host, parts.port)
    if host and parts.scheme in ("tcp", "http", "https"):
        port = parts.port or (2376 if tls else 2375)
        context = _context(tls) if tls or parts.scheme == "https" else None
        return lambda: _tcp(host, port, context)
    raise SourceError(f"{address} is no address of a container engine: use unix://, tcp:// or ssh://", transient=False)


def hang_up(plug: socket.socket) -> None:
    """End a connection under whoever is reading from it in another thread. May be called twice."""
    try:
        socket.socket.shutdown(plug, socket.SHUT_RDWR)  # not the TLS socket's own: that one takes the cipher from under the reader
    except OSError:
        pass  # closed already


def mistrust(error: BaseException | None) -> str | None:
    """What two sides did not like of each other's certificates, by what was raised: the SDK wraps it several times. None: it was something else."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = next((one for one in error.args if isinstance(one, BaseException)), error.__cause__ or error.__context__)
    if error is None:
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}): DOCKER_CERT_PATH must hold the ca.pem of the authority that signed it"
    reason = error.reason or ""
    if "ALERT" in reason and ("CERTIFICATE" in reason or "CA" in reason.split("_")):
        return "it does not accept our certificate: DOCKER_CERT_PATH must hold a cert.pem and key.pem that its authority signed"
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return "it does not speak TLS: unset DOCKER_TLS_VERIFY, or give the port where it does"
    return f"TLS failed ({reason.lower().replace('_', ' ')})"


def _unix(path: str) -> socket.socket:
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        plug.settimeout(CONNECT_SECONDS)
        plug.connect(path)
    except OSError:
        plug.close()
        raise
    return plug


def _tcp(host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
    plug = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
    try:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_SECONDS)
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
        return plug if context is None else context.wrap_socket(plug, server_hostname=host)
    except OSError:
        plug.close()
        raise


def _context(tls: Any) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=getattr(tls, "ca_cert", None))
        if getattr(tls, "cert", None):
            context.load_cert_chain(*tls.cert)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise SourceError(f"ca.pem, cert.pem or key.pem in DOCKER_CERT_PATH cannot be used: {reason}") from error
    if tls is not None and not tls.verify:  # DOCKER_CERT_PATH without DOCKER_TLS_VERIFY asks for this
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Ssh:
    """Dials through the ssh program. A process ends when its socket is closed, and is reaped at the next dialling or at `close`."""

    def __init__(self, user: str, host: str, port: int | None) -> None:
        where = f"{user}@{host}" if user else host
        self._command = (*_SSH, *(("-p", str(port)) if port else ()), "--", where, shlex.join(("docker", "system", "dial-stdio")))
        self._running: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()  # every request dials on a thread of its own

    def __call__(self) -> socket.socket:
        """See Dialler."""
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                self._running = [one for one in self._running if one.poll() is None]
                self._running.append(subprocess.Popen(self._command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.DEVNULL))  # noqa: S603 - a fixed command; the host stands behind "--"
        except OSError:
            ours.close()
            raise
        ours.settimeout(2 * CONNECT_SECONDS)
        return ours

    def close(self) -> None:
        """End every process."""
        with self._lock:
            running, self._running = self._running, []
        for one in running:
            one.terminate()
        for one in running:
            try:
                one.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
