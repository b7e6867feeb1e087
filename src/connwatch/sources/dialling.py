"""Sockets to a container engine: a local path, TCP, TLS, or the system's ssh with its own configuration. Knows nothing of what is said over them.

Over ssh each connection is one `docker system dial-stdio` on the other side, as the docker command does it: keys, jump hosts and known hosts
are those of the system's ssh. Whether it got there shows only when it answers: one that ends before is told with the reason that ssh gave.
"""

from __future__ import annotations

import errno
import shlex
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connwatch.model.errors import SourceError
from connwatch.sources.sshtrouble import REFUSED_SECONDS, Trouble, trouble_of

__all__ = ["CONNECT_SECONDS", "Dialler", "Ssh", "hang_up", "make_dialler", "mistrust"]

CONNECT_SECONDS = 5.0
KEEPALIVE_SECONDS = 15
EXIT_SECONDS = 0.5
"""How long ssh may live on after it closed its output; less than a hung-up request may take."""
MOST_SAID = 8 * 1024
"""Bytes of the newest that ssh said which are kept."""
_SSH = ("ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", f"ServerAliveInterval={KEEPALIVE_SECONDS}", "-o", "ServerAliveCountMax=2")
_refused: dict[tuple[str, ...], tuple[float, Trouble]] = {}
"""Until when no ssh command like this is run, and why: every dialler of a process counts, for a source that fails makes a new one."""

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


class _SshError(OSError):
    """Why a connection over ssh did not come about: its text is for the user."""


def mistrust(error: BaseException | None) -> str | None:
    """What two sides did not like of each other's certificates, or ssh of the other side, by what was raised: the SDK wraps it several times.

    None: it was something else.
    """
    while error is not None and not isinstance(error, (ssl.SSLError, _SshError)):
        error = next((one for one in error.args if isinstance(one, BaseException)), error.__cause__ or error.__context__)
    if error is None:
        return None
    if isinstance(error, _SshError):
        return str(error)
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
    """Dials through the ssh program. A process ends when its socket is closed, and is reaped at the next dialling or at `close`.

    After a refused login nothing is dialled for a while, and the refusal is raised again.
    """

    def __init__(self, user: str, host: str, port: int | None) -> None:
        self._where = f"{user}@{host}" if user else host
        self._command = (*_SSH, *(("-p", str(port)) if port else ()), "--", self._where, shlex.join(("docker", "system", "dial-stdio")))
        self._running: list[_Session] = []
        self._lock = threading.Lock()  # every request dials on a thread of its own

    def __call__(self) -> socket.socket:
        """See Dialler."""
        until, trouble = _refused.get(self._command, (0.0, None))
        if trouble is not None and time.monotonic() < until:
            raise _SshError(trouble.told)
        with self._lock:
            for one in [one for one in self._running if one.process.poll() is not None]:
                self._running.remove(one)
                one.close()
            session, plug = _start(self._command, self._explained)
            self._running.append(session)
        return plug

    def _explained(self, status: int, said: list[str]) -> OSError:
        trouble = trouble_of(status, said, host=self._where, what="the way to docker", begun=True)
        if trouble.refused:
            _refused[self._command] = time.monotonic() + REFUSED_SECONDS, trouble
        return _SshError(trouble.told)

    def close(self) -> None:
        """End every process."""
        with self._lock:
            running, self._running = self._running, []
        for one in running:
            one.process.terminate()
        for one in running:
            try:
                one.process.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()
            one.close()


class _Session:
    """One ssh process, and what it says. Two threads may ask: who reads from it, and who clears it away."""

    def __init__(self, process: subprocess.Popen[bytes], errors: socket.socket) -> None:
        self.process = process
        self._errors = errors
        self._said = b""
        self._lock = threading.Lock()

    def said(self) -> list[str]:
        """The newest of what it said, as lines."""
        with self._lock:
            try:
                while more := self._errors.recv(MOST_SAID, socket.MSG_DONTWAIT):
                    self._said = (self._said + more)[-MOST_SAID:]
            except OSError:
                pass  # nothing more for now, or closed
            return self._said.decode("utf-8", "replace").splitlines()

    def close(self) -> None:
        """Let go of a process that has ended."""
        self.said()
        self._errors.close()


class _Plug(socket.socket):
    """Our end of an ssh process."""

    def __init__(self, ours: socket.socket, session: _Session, explained: Callable[[int, list[str]], OSError]) -> None:
        super().__init__(fileno=ours.detach())
        self._session, self._explained = session, explained
        self._answered = False

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As every socket's, but an end before the first byte is an error with the reason."""
        self._session.said()  # so that what it says over hours does not fill its socket, where it would wait for us
        try:
            size = super().recv_into(buffer, nbytes, flags)
        except ConnectionResetError:  # it ended before it read our request
            if self._answered:
                raise
            size = 0
        if not size and not self._answered:
            raise self._why()
        self._answered = True
        return size

    def _why(self) -> OSError:
        try:
            status = self._session.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:  # it was hung up from here
            return ConnectionAbortedError(errno.ECONNABORTED, "the connection was broken")
        return self._explained(status, self._session.said())


def _start(command: tuple[str, ...], explained: Callable[[int, list[str]], OSError]) -> tuple[_Session, _Plug]:
    """Raises OSError where there is no ssh."""
    (ours, theirs), (heard, said) = socket.socketpair(), socket.socketpair()
    with theirs, said:
        try:
            process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=said.fileno())  # noqa: S603 - a fixed command; the host stands behind "--"
        except OSError as error:
            ours.close()
            heard.close()
            if isinstance(error, FileNotFoundError):
                raise _SshError("there is no program ssh here: install it (apt-get install openssh-client)") from error
            raise
    session = _Session(process, heard)
    plug = _Plug(ours, session, explained)
    plug.settimeout(2 * CONNECT_SECONDS)
    return session, plug
