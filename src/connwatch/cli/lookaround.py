"""Looks around on a machine for `connwatch init`: containers, log files, units of the journal. Reads only, within a few seconds. Must not choose."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from connwatch.cli.checking import look_at, look_through
from connwatch.cli.choosing import own_format
from connwatch.cli.found import Container, Engine, Found, LogFile, container_of, units_named
from connwatch.model.errors import ConnwatchError, SourceError
from connwatch.parse.registry import Formats
from connwatch.sources.dockerlink import Link, UnreadableError
from connwatch.sources.finished import Finished

__all__ = ["ENGINE_SECONDS", "PLACES", "look_around"]

ENGINE_SECONDS: Final = 5.0
"""For everything that is asked of the container engine together."""
PLACES = ("/var/log/nginx/*.log", "/var/log/caddy/*.log", "/var/log/traefik/*.log", "/var/log/*mcp*.log", "/var/log/*mcp*/*.log")
"""Where logs usually are."""
_USUAL: Final = "unix:///var/run/docker.sock"
_MOST_FILES: Final = 20
_MOST_CONTAINERS: Final = 60
_LINES: Final = 400
_JOURNAL_SECONDS: Final = 3.0


def look_around(formats: Formats, places: Sequence[str] | None = None) -> Found:
    """Everything that this user can see. `formats` are those that logs are tried on."""
    engine = asyncio.run(_engine(_address(), formats))
    return Found(engine, tuple(_files(PLACES if places is None else places, formats)), _units())


def _address() -> str | None:
    """None: what DOCKER_HOST says, else the usual socket. A socket of this user's own is taken where there is no other."""
    own = Path(os.environ.get("XDG_RUNTIME_DIR", "/nowhere")) / "docker.sock"
    usual = Path(_USUAL.removeprefix("unix://"))
    return f"unix://{own}" if not os.environ.get("DOCKER_HOST") and not usual.exists() and own.exists() else None


async def _engine(host: str | None, formats: Formats) -> Engine:
    link = Link(host)
    found: list[Container] = []
    error = ""
    try:
        async with asyncio.timeout(ENGINE_SECONDS):
            await link.open()
            listed = await link.containers({})
            error = "" if len(listed) <= _MOST_CONTAINERS else f"only the {_MOST_CONTAINERS} newest of its {len(listed)} containers were looked at"
            await _containers(link, listed[:_MOST_CONTAINERS], formats, found)
    except TimeoutError:
        error = f"{_public(link.address)} did not tell everything within {ENGINE_SECONDS:.0f} s"
    except SourceError as trouble:
        error = str(trouble)
    finally:
        await link.close()
    address = _public(link.address)
    return Engine(address, address != _USUAL, error, tuple(sorted(found, key=lambda one: one.name)))


async def _containers(link: Link, listed: Sequence[Mapping[str, Any]], formats: Formats, found: list[Container]) -> None:
    """All of them first, for they are asked for at once; the logs of those that matter after that, as far as the time goes."""
    terminals: dict[str, bool] = {}
    for one in listed:
        inspected = await link.inspect(str(one.get("Id")))
        if inspected is not None:
            found.append(container_of(inspected))
            terminals[found[-1].name] = bool((inspected.get("Config") or {}).get("Tty"))
    for number, container in enumerate(found):
        if not container.running or container.role not in ("proxy", "server"):
            continue
        try:
            lines = await link.last(container.name, _LINES, terminal=terminals[container.name])
        except UnreadableError:
            continue  # the choice says so by the log driver
        if lines:
            look = look_through(container.name, lines, "auto", {**formats, **own_format(container, formats)})
            found[number] = replace(container, look=look)


def _public(address: str) -> str:
    """An address without what stands before its host, which may be a password; ssh needs its user there."""
    parts = urlsplit(address)
    return address if parts.scheme == "ssh" or "@" not in parts.netloc else urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _files(places: Sequence[str], formats: Formats) -> list[LogFile]:
    found = [LogFile(place, f"{folder}: may not be listed") for place in places if (folder := _closed(place)) is not None]
    paths = [path for place in places for path in sorted(Path("/").glob(place.lstrip("/"))) if path.is_file()]
    return [*found, *(LogFile(str(path), _look(path, formats)) for path in list(dict.fromkeys(paths))[:_MOST_FILES])]


def _closed(place: str) -> Path | None:
    """The directory of a pattern, where it is there and this user may not look into it."""
    folder = Path(place.partition("*")[0].rpartition("/")[0])
    return folder if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK) else None


def _look(path: Path, formats: Formats) -> Any:
    source = Finished(str(path), "auto")
    try:
        source.open()
        return look_at(source, formats)
    except ConnwatchError as error:
        return str(error)


def _units() -> tuple[str, ...]:
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return ()
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [journalctl, "--quiet", "--field=_SYSTEMD_UNIT"], capture_output=True, text=True, timeout=_JOURNAL_SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return units_named(done.stdout)
