"""What to follow of what was found, and what to advise the operator. Pure; must not look for anything, nor know how a configuration is written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connwatch.cli.checking import Look
from connwatch.cli.found import Container, Found, LogFile
from connwatch.model.errors import ConfigError
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import Formats, make_parser
from connwatch.settings.advice import Advice, advise

__all__ = ["Choice", "Remark", "Wanted", "choose", "own_format"]

_MOST_HOSTS: Final = 20
_UNREADABLE: Final = ("none", "syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "logentries")
_FEW: Final = 10  # so many lines that nothing takes are worth a word


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source to follow: its settings in their order, and why, in a line."""

    name: str
    why: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Remark:
    """What is not as it should be, what to do about it, and the setting to copy, if there is one."""

    what: str
    do: str
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the configuration will say. `formats`: LOG_FORMAT strings that no shipped format has; `servers`: the host of a source without one."""

    sources: tuple[Wanted, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    servers: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()


def choose(found: Found, formats: Formats) -> Choice:
    """The same choice for the same findings."""
    sources: list[Wanted] = []
    own: dict[str, str] = {}
    hosts: list[str] = []
    servers: dict[str, str] = {}
    remarks: list[Remark] = [*_of_the_whole(found)]
    engine = {"host": found.engine.address} if found.engine.given else {}
    for container in found.engine.containers:
        if container.role in ("proxy", "server") and not container.running:
            remarks.append(Remark(f"{container.name} looks like a {container.role} and is {container.status}.", "It is not followed."))
        elif container.role in ("proxy", "server"):
            source = _container_source(container, engine, [one.name for one in sources])
            if source.name not in [one.name for one in sources]:
                sources.append(source)
            remarks += _of_a_container(container, found, formats)
            own |= {name: str(table["log_format"]) for name, table in own_format(container, formats).items()}
            if container.role == "server":
                hosts += container.hosts
                if "container" in source.settings and len(container.hosts) == 1:
                    servers[source.name] = container.hosts[0]
    for log in found.files:
        if isinstance(log.look, str):
            remarks.append(Remark(log.look, "Let the user that connwatch runs as read it (often: the group adm), then add it as a source."))
        elif _worth_following(log, log.look):
            named = _distinct(re.sub(r"^/var/log/|\.log$", "", log.path), [one.name for one in sources])
            sources.append(Wanted(named, _why(log.look, f"the log {log.path}"), {"kind": "file", "path": log.path}))
            remarks += _of_a_look(log.path, log.look)
    for unit in found.units:
        named = _distinct(unit.removesuffix(".service"), [one.name for one in sources])
        sources.append(Wanted(named, f"the unit {unit}, by its name an MCP server", {"kind": "journald", "unit": unit}))
    return Choice(tuple(sources), own, tuple(dict.fromkeys(hosts))[:_MOST_HOSTS], servers, tuple(dict.fromkeys(remarks)))


def _container_source(container: Container, engine: Mapping[str, str], taken: list[str]) -> Wanted:
    what = "the reverse proxy" if container.role == "proxy" else "by its name an MCP server"
    why = _why(container.look, f"{what}, image {container.image}")
    if container.is_one_of_many:
        ways = {"project": container.project, "service": container.service}
        return Wanted(_named(f"{container.project}-{container.service}"), why, {"kind": "docker", **ways, **engine})
    return Wanted(_distinct(container.name, taken), why, {"kind": "docker", "container": container.name, **engine})


def _why(look: Look | None, what: str) -> str:
    if look is None or look.lines - look.unknown <= 0 or not look.format:
        return what
    return f"{what}; format {look.format}, {look.lines - look.unknown} of {look.lines} lines read"


def _named(text: str) -> str:
    """A source's name of any text."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:60] or "log"


def _distinct(text: str, taken: list[str]) -> str:
    name = _named(text)
    return next(one for number in range(1, len(taken) + 2) if (one := name if number == 1 else f"{name}-{number}") not in taken)


def _worth_following(log: LogFile, look: Look) -> bool:
    """A log of requests, of nginx's errors, or an empty one whose name promises requests."""
    return bool(look.format) or look.unknown < look.lines or "access" in log.path.rpartition("/")[2]


def own_format(container: Container, formats: Formats) -> dict[str, dict[str, Any]]:
    """The container's LOG_FORMAT under a name, where no shipped format reads it and connwatch can; else nothing."""
    given = container.settings.get("LOG_FORMAT", "")
    known = {f"{entry.get('log_format')}{tail}" for entry in formats.values() for tail in ("", entry.get("optional_tail", ""))}
    if not container.is_nginx_proxy or not given or given in known or _refused(given):
        return {}
    return {f"{_named(container.name)}-own": _table(given)}


def _table(log_format: str) -> dict[str, Any]:
    return {"kind": "log_format", "role": "proxy", "log_format": log_format}


def _refused(log_format: str) -> str:
    try:
        make_parser("own", {"own": _table(log_format)}, Redactor(b"init"))
    except ConfigError as error:
        return str(error)
    return ""


def _of_the_whole(found: Found) -> Iterator[Remark]:
    engine = found.engine
    if engine.error:
        yield Remark(f"Containers: {engine.error}.", "Run `connwatch init` again where the engine can be asked, or add the sources by hand.")
    roles = {container.role for container in engine.containers if container.running}
    files = [log for log in found.files if not isinstance(log.look, str)]
    if "proxy" not in roles and not files:
        yield Remark("No reverse proxy's log was found.", "Add a [[sources]] block for it: without it only what the server logs can be told.")
    if "server" not in roles and not found.units and not any("mcp" in log.path for log in files):
        do = "Add a [[sources]] block for it: both logs together tell far more than either."
        yield Remark("No container, log or unit looks like an MCP server by its name.", do)
    proxies = [one for one in engine.containers if one.running and one.is_nginx_proxy]
    behind = [one for one in engine.containers if one.running and "VIRTUAL_HOST" in one.settings]
    methods = [one.settings.get("HTTPS_METHOD") or proxy.settings.get("HTTPS_METHOD") or "redirect" for proxy in proxies for one in behind or [proxy]]
    if "tunnel" in roles and "redirect" in methods:
        yield Remark(
            "A Cloudflare Tunnel runs beside nginx-proxy, and HTTPS_METHOD redirects http to https.",
            "A tunnel that reaches the proxy by http gets 301 for every request then. Set it for nginx-proxy or for the server's container.",
            "HTTPS_METHOD: noredirect",
        )


def _of_a_container(container: Container, found: Found, formats: Formats) -> Iterator[Remark]:
    name, given = container.name, container.settings
    if container.driver in _UNREADABLE:
        do = "Give it the driver json-file, local or journald: an engine that keeps no copy has nothing to follow."
        yield Remark(f"{name} logs by the driver {container.driver}.", do)
    served = any(one.is_nginx_proxy for one in found.engine.containers)
    if container.mislabelled and served:
        yield Remark(f"{name} has VIRTUAL_HOST as a label.", "nginx-proxy reads the environment alone, and answers 503 until it stands there.")
    if not container.is_nginx_proxy:
        if container.look is not None:
            yield from _of_a_look(name, container.look)
        return
    if _true(given.get("DISABLE_ACCESS_LOGS", "")):
        yield Remark(f"{name} has DISABLE_ACCESS_LOGS set: it logs no request.", "Take it away; without those lines there is nothing to see.")
        return
    own = given.get("LOG_FORMAT", "")
    if own and (why := _refused(own)):
        yield Remark(f"{name} has a LOG_FORMAT that cannot be read back: {why}.", "Set the one below, or say by hand which fields it has.")
    if container.look is not None and container.look.unknown >= _FEW:
        yield _unread(name, container.look)
    advice = container.look.advice if container.look is not None and container.look.advice is not None else _advice_by(given, formats)
    yield from _of_advice(name, advice, json=_true(given.get("LOG_JSON", "")))


def _advice_by(given: Mapping[str, str], formats: Formats) -> Advice | None:
    """From the settings alone: the lines were not read. The engine's stamps do what $msec would."""
    if _true(given.get("LOG_JSON", "")):
        return advise("nginx-proxy-json", formats, ["msec"])
    own = given.get("LOG_FORMAT", "")
    return advise("own", {**formats, "own": _table(own)}, ["msec"]) if own else advise("nginx-proxy", formats, ["msec", "upstream_addr"])


def _of_a_look(name: str, look: Look) -> Iterator[Remark]:
    if look.unknown >= _FEW:
        yield _unread(name, look)
    yield from _of_advice(name, look.advice, json=False)


def _unread(name: str, look: Look) -> Remark:
    return Remark(f"{name}: {look.unknown} of {look.lines} lines are in no known format.", f"connwatch explain '{look.sample[:160]}'")


def _of_advice(name: str, advice: Advice | None, *, json: bool) -> Iterator[Remark]:
    if advice is None or not advice.missing:
        return
    fields = ", ".join(" or ".join(f"${variable}" for variable in one.variables[:2]) for one in advice.missing)
    where = "Set LOG_FORMAT in its environment" + (", and take LOG_JSON away" if json else "")
    do = f"{where} (docs/log-formats.md says what each field buys). Lines then hold session ids: keep the log private."
    yield Remark(f"{name}: its log format leaves out {fields}.", do, advice.compose)


def _true(text: str) -> bool:
    return text.strip().lower() in ("1", "t", "true", "yes", "on")
