"""What `connwatch init` can find on a machine, as plain data, and how a container is taken for a proxy, a server or a tunnel. Must not look for it.

Names decide: of the image, of the container, of the compose service. Of an environment only the variables of `SETTINGS` are ever kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from connwatch.cli.checking import Look
from connwatch.sources.containers import PROJECT, SERVICE, identity

__all__ = ["SETTINGS", "Container", "Engine", "Found", "LogFile", "Role", "container_of", "is_server", "role_of", "units_named"]

Role = Literal["proxy", "server", "tunnel", "other"]

#: The variables that are read; all others of an environment, with the secrets among them, are dropped where they come in.
SETTINGS: Final = ("LOG_FORMAT", "LOG_JSON", "DISABLE_ACCESS_LOGS", "HTTPS_METHOD", "VIRTUAL_HOST")
_PROXIES: Final = ("nginx-proxy", "nginx", "traefik", "caddy", "haproxy")
_HELPERS: Final = ("companion", "docker-gen", "letsencrypt", "connwatch")
_MOST_HOSTS: Final = 20


@dataclass(frozen=True, slots=True)
class Container:
    """A container. `settings` are those of its variables that are in `SETTINGS`; `hosts` the names in VIRTUAL_HOST that are no patterns.

    `mislabelled`: VIRTUAL_HOST is one of its labels. `look`: what its last lines show; None where they were not read.
    """

    name: str
    image: str
    role: Role
    status: str
    project: str = ""
    service: str = ""
    driver: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    mislabelled: bool = False
    look: Look | None = None

    @property
    def running(self) -> bool:
        """Whether it writes a log now."""
        return self.status in ("running", "paused")

    @property
    def program(self) -> str:
        """The image without registry, owner and tag."""
        return program_of(self.image)

    @property
    def is_nginx_proxy(self) -> bool:
        """Whether it makes its log format from LOG_FORMAT and its sites from VIRTUAL_HOST."""
        return self.role == "proxy" and any("nginx-proxy" in word for word in (self.program, self.name, self.service))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The servers that nginx-proxy passes to it, without patterns and regular expressions."""
        names = (part.strip().lower() for part in self.settings.get("VIRTUAL_HOST", "").split(","))
        return tuple(dict.fromkeys(name for name in names if re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", name)))[:_MOST_HOSTS]

    @property
    def is_one_of_many(self) -> bool:
        """Whether compose made the name up: then there may be more of the service, and the service is what to follow."""
        made_up = rf"{re.escape(self.project)}[-_]{re.escape(self.service)}[-_]\d+"
        return bool(self.project and self.service) and re.fullmatch(made_up, self.name) is not None


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine. `error` says why it, or a part of its containers, could not be looked at. `given`: its address is not the usual one."""

    address: str = ""
    given: bool = False
    error: str = ""
    containers: tuple[Container, ...] = ()


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log at one of the usual places: what its first lines show, or why it cannot be read."""

    path: str
    look: Look | str


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was found."""

    engine: Engine = Engine()
    files: tuple[LogFile, ...] = ()
    units: tuple[str, ...] = ()


def program_of(image: str) -> str:
    """`nginx-proxy` of `docker.io/nginxproxy/nginx-proxy:1.7-alpine@sha256:…`."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0].lower()


def is_server(name: str) -> bool:
    """Whether a name looks like that of an MCP server: coda-mcp, mcp_gateway, fastmcp."""
    return any(word.startswith("mcp") or word.endswith("mcp") for word in re.split(r"[^a-z0-9]+", name.lower()) if word)


def role_of(image: str, name: str, service: str, *, virtual_host: bool = False) -> Role:
    """What a container seems to be. One that stands behind nginx-proxy (`virtual_host`) is no proxy, whatever it runs."""
    program = program_of(image)
    names = (program, name.lower(), service.lower())
    if any("cloudflared" in one for one in names):
        return "tunnel"
    helper = any(word in program for word in _HELPERS)
    if not helper and not virtual_host and (program in _PROXIES or any("nginx-proxy" in one for one in names)):
        return "proxy"
    owner = image.lower().rpartition("/")[0].rpartition("/")[2]
    return "server" if not helper and any(map(is_server, (*names, owner))) else "other"


def container_of(inspected: Mapping[str, Any], look: Look | None = None) -> Container:
    """A container from the engine's answer to an inspection."""
    config = inspected.get("Config") or {}
    labels = config.get("Labels") or {}
    given = (entry.partition("=") for entry in config.get("Env") or ())
    settings = {name: value for name, _, value in given if name in SETTINGS}
    name, image = identity(str(inspected.get("Name") or "")), str(config.get("Image") or "")
    service = str(labels.get(SERVICE) or "")
    return Container(
        name,
        image,
        role_of(image, name, service, virtual_host="VIRTUAL_HOST" in settings),
        str((inspected.get("State") or {}).get("Status") or ""),
        str(labels.get(PROJECT) or ""),
        service,
        str(((inspected.get("HostConfig") or {}).get("LogConfig") or {}).get("Type") or ""),
        settings,
        mislabelled="VIRTUAL_HOST" in labels and "VIRTUAL_HOST" not in settings,
        look=look,
    )


def units_named(text: str) -> tuple[str, ...]:
    """The units, of those in `text` (one a line), that look like MCP servers; at most ten."""
    units = sorted({line.strip() for line in text.splitlines()})
    return tuple(unit for unit in units if unit.endswith(".service") and is_server(unit.removesuffix(".service")))[:10]
