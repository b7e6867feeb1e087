"""The docker SDK's session over sockets that we dialled ourselves, so that they can be hung up. The only module that imports the SDK's insides."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import docker
import docker.errors
import docker.utils
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool

from connwatch.model.errors import SourceError
from connwatch.sources.dialling import Dialler

__all__ = ["ANSWER_SECONDS", "OLDEST", "find_engine", "open_session"]

ANSWER_SECONDS = 10
"""How long an answer may take to begin."""
DEFAULT = "unix:///var/run/docker.sock"
POOL = 64  # connections are not kept, but a pool that thinks itself full says so in the log
OLDEST = "1.24"
"""A version that the SDK accepts without asking the engine."""
LONGEST_PATH = 107  # sun_path, see unix(7)


def find_engine(host: str | None) -> tuple[str, Any]:
    """Address and TLS settings: `host`, else DOCKER_HOST, else the usual socket; DOCKER_TLS_VERIFY and DOCKER_CERT_PATH hold for TCP.

    Raises SourceError for an address at which nobody can be asked, and for TLS settings that do not hold together.
    """
    try:
        found = docker.utils.kwargs_from_env(dict(os.environ))
    except docker.errors.TLSParameterError as error:
        raise SourceError(f"DOCKER_TLS_VERIFY or DOCKER_CERT_PATH: {error}", transient=False) from error
    address = host or str(found.get("base_url") or DEFAULT)
    if (reason := _unusable(address)) is not None:
        told = f'"{address}" is no address of a container engine ({reason}): write unix:///path, tcp://host:port or ssh://user@host'
        raise SourceError(f"{'host' if host else 'DOCKER_HOST'}: {told}", transient=False)
    return address, found.get("tls") if address.startswith(("tcp://", "https://")) else None


def open_session(dial: Dialler, version: str) -> docker.APIClient:
    """A session that speaks this version of the engine's API. Nothing is sent yet."""
    return _Client(dial, version)


def _unusable(address: str) -> str | None:
    """Why nobody can be asked at this address; None where only asking can show whether somebody answers."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where it is none
        if parts.scheme != "ssh":  # whose hosts may be words of its configuration
            (parts.hostname or "").encode("idna")  # as the resolver does it
    except UnicodeError:
        return "between its dots a host's name has 1 to 63 letters"
    except ValueError as error:
        return str(error)
    if parts.scheme == "unix" and len(f"{parts.netloc}{parts.path}".encode()) > LONGEST_PATH:
        return f"a socket's path has at most {LONGEST_PATH} bytes"
    return None


class _Connection(UnixHTTPConnection):
    def __init__(self, dial: Dialler) -> None:
        super().__init__(DEFAULT, "", ANSWER_SECONDS)
        self._dial = dial

    def connect(self) -> None:
        self.sock = self._dial()


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, dial: Dialler) -> None:
        super().__init__(DEFAULT, "", ANSWER_SECONDS, maxsize=POOL)
        self._dial = dial

    def _new_conn(self) -> Any:
        return _Connection(self._dial)


class _Adapter(UnixHTTPAdapter):
    """The SDK's adapter for local sockets, which sends a request as it is, with our way of connecting."""

    def __init__(self, dial: Dialler) -> None:
        super().__init__(DEFAULT, ANSWER_SECONDS)
        self._pool = _Pool(dial)

    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:  # noqa: ARG002 - what the session calls it with
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()


class _Client(docker.APIClient):
    def __init__(self, dial: Dialler, version: str) -> None:
        super().__init__(base_url=DEFAULT, version=version, timeout=ANSWER_SECONDS)
        self.mount("http+docker://", _Adapter(dial))
