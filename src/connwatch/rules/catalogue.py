"""The catalogue: clients, stage rules, noise, time limits as typed entries, compiled from parsed TOML documents.

Must not know where the documents come from, nor what formats and diagnoses mean: those are kept raw for their own floors.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from connwatch.model.errors import ConfigError
from connwatch.model.event import Stage
from connwatch.model.family import FAMILIES
from connwatch.model.nearest import nearest

__all__ = ["KINDS", "AgentRule", "Catalogue", "Client", "MethodRule", "NoiseRule", "StageRule", "TimeLimit", "compile_catalogue"]

Texts = tuple[str, ...]
Example = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Client:
    """How one client product shows itself. Agents are prefixes, compared without case.

    `agents` name the family wherever they occur, `mcp_agents` only on the MCP and OAuth endpoints (elsewhere they fetch pages),
    `libraries` are defaults of a library that this client is known to use: a hint and no more. Redirects and client ids may hold `*`
    (any run of characters but a slash); `redirect_hints` are shared with other programs. `networks` are CIDR ranges, a hint too.
    """

    id: str
    family: str
    title: str
    hosted: bool
    agents: Texts = ()
    mcp_agents: Texts = ()
    libraries: Texts = ()
    redirects: Texts = ()
    redirect_hints: Texts = ()
    client_ids: Texts = ()
    names: Texts = ()
    infos: Texts = ()
    networks: Texts = ()
    referers: Texts = ()
    note: str = ""
    example: tuple[Example, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class AgentRule:
    """A class of user agents: prefixes without case. `kind` is "library" or "browser"; `candidate` says that such an agent alone makes
    a raw line worth parsing.
    """

    id: str
    kind: str
    agents: Texts
    candidate: bool = False
    example: tuple[Example, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class StageRule:
    """One shape of request. The first rule that holds gives the stage, in the order of `order` and then of the files.

    `path` and `not_path` are regular expressions searched in the lower-case path. `query_all` and `query_any` are parameter names,
    `query_is` parameters with their value. `agents` limits the rule to classes of agents ("connector", "library", "absent", "browser",
    "noise"). `needs` is "" (the shape suffices), "domain" (a host that has shown OAuth or MCP, or an agent that is no browser), or
    "following" (a browser that came to an authorization endpoint of this host before, or whose Referer is one), or "preflight" (a CORS
    preflight for this path came before).
    `noise` set: such a request is never a step of an attempt.
    """

    id: str
    stage: str
    order: int
    methods: Texts = ()
    path: str = ""
    not_path: str = ""
    query_all: Texts = ()
    query_any: Texts = ()
    query_is: Mapping[str, str] = field(default_factory=dict)
    agents: Texts = ()
    needs: str = ""
    noise: str = ""
    note: str = ""
    example: tuple[Example, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class NoiseRule:
    """Requests that cannot belong to an attempt, told by their agent. `agents` are prefixes, `contains` fragments, without case."""

    id: str
    noise: str
    agents: Texts = ()
    contains: Texts = ()
    note: str = ""
    example: tuple[Example, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class MethodRule:
    """JSON-RPC methods of MCP and the step that each one is."""

    id: str
    stage: str
    methods: Texts
    file: str = ""


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """How long a silence is normal, in seconds, and what it means after that.

    `waiting_for` is the stage that should come next; `after` the last stage seen ("" any); `families` the clients it holds for (empty: any);
    `hosted` "yes", "no" or "" (either). The most particular entry wins. `then` is an outcome: "stalled", "waiting", "abandoned", "probe".
    """

    id: str
    waiting_for: str
    seconds: float
    then: str
    reason: str
    after: str = ""
    hosted: str = ""
    families: Texts = ()
    file: str = ""


@dataclass(slots=True)
class Catalogue:
    """Everything that is data. `formats`, `diagnoses` and `alerts` are the raw entries by id, in order; other floors compile them."""

    clients: dict[str, Client] = field(default_factory=dict)
    agents: dict[str, AgentRule] = field(default_factory=dict)
    stages: dict[str, StageRule] = field(default_factory=dict)
    noise: dict[str, NoiseRule] = field(default_factory=dict)
    methods: dict[str, MethodRule] = field(default_factory=dict)
    limits: dict[str, TimeLimit] = field(default_factory=dict)
    formats: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    diagnoses: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    alerts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    order: Mapping[str, Any] = field(default_factory=dict)  # the order and pace of steps, for `correlate.tables`

    def stage_rules(self) -> list[StageRule]:
        """The stage rules in the order in which they are tried."""
        return sorted(self.stages.values(), key=lambda rule: rule.order)


_TABLES: dict[str, tuple[str, type]] = {
    "client": ("clients", Client),
    "agent": ("agents", AgentRule),
    "stage": ("stages", StageRule),
    "noise": ("noise", NoiseRule),
    "method": ("methods", MethodRule),
    "limit": ("limits", TimeLimit),
}
_RAW = {"format": ("formats", "id"), "diagnosis": ("diagnoses", "code"), "alert": ("alerts", "id")}
KINDS: Mapping[str, str] = {kind: attribute for table in (_TABLES, _RAW) for kind, (attribute, _) in table.items()}
"""Kinds of entries, as files call them, and where a `Catalogue` holds them."""
_CHOICES: dict[tuple[type, str], Texts] = {
    (Client, "family"): FAMILIES,
    (AgentRule, "kind"): ("library", "browser"),
    (StageRule, "stage"): tuple(stage.value for stage in Stage),
    (MethodRule, "stage"): tuple(stage.value for stage in Stage),
    (StageRule, "needs"): ("", "domain", "following", "preflight"),
    (TimeLimit, "then"): ("stalled", "waiting", "abandoned", "probe"),
    (TimeLimit, "hosted"): ("", "yes", "no"),
}


def compile_catalogue(documents: Iterable[tuple[str, Mapping[str, Any]]], *, proven: Container[str] = ()) -> Catalogue:
    """Compile (file name, parsed TOML) pairs, in order; an entry replaces an earlier one with the same id, as a whole.

    `proven` are files whose patterns are known to be valid (the shipped ones, by the tests): compiling them all would cost every start.
    Raises ConfigError for an unknown table or key (with the nearest known one), a missing key, a wrong type or a bad pattern.
    """
    catalogue = Catalogue()
    for file, document in documents:
        for table, entries in document.items():
            if table not in KINDS:
                raise ConfigError(f"unknown table [[{table}]]", file=file, key=table, hint=_meant(table, KINDS))
            if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
                raise ConfigError("must be an array of tables", file=file, key=table, hint=f"write [[{table}]]")
            for number, entry in enumerate(entries):
                where = f"{table}[{number}]"
                _add(catalogue, table, entry, file, where)
                if file not in proven:
                    _prove(entry, file, where)
    return catalogue


def _prove(entry: Mapping[str, Any], file: str, where: str) -> None:
    for key in ("path", "not_path"):
        try:
            re.compile(str(entry.get(key, "")))
        except re.error as error:
            raise ConfigError(f"not a regular expression: {error}", file=file, key=f"{where}.{key}", hint="see Python's re module") from error
    for network in entry.get("networks", ()):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            raise ConfigError(f"not a network: {error}", file=file, key=f"{where}.networks", hint="write it like 192.0.2.0/24") from error


def _add(catalogue: Catalogue, table: str, entry: Mapping[str, Any], file: str, where: str) -> None:
    if table in _RAW:
        attribute, key = _RAW[table]
        name = entry.get(key, entry.get("id"))
        if not isinstance(name, str) or not name:
            raise ConfigError("an entry needs an id", file=file, key=f"{where}.{key}", hint=f'add {key} = "…"')
        getattr(catalogue, attribute)[name] = entry
        return
    attribute, kind = _TABLES[table]
    built = _build(kind, entry, file, where)
    getattr(catalogue, attribute)[built.id] = built


def _build(kind: type, entry: Mapping[str, Any], file: str, where: str) -> Any:
    known = {item.name: item for item in fields(kind) if item.name != "file"}
    values: dict[str, Any] = {"file": file}
    for key, value in entry.items():
        if key not in known:
            raise ConfigError("unknown key", file=file, key=f"{where}.{key}", hint=_meant(key, known))
        values[key] = _convert(str(known[key].type), value, file, f"{where}.{key}")
        choices = _CHOICES.get((kind, key))
        if choices is not None and value not in choices:
            known_values = ", ".join(map(repr, choices))
            raise ConfigError(f"must be one of {known_values}", file=file, key=f"{where}.{key}", hint=_meant(str(value), choices))
    for name, item in known.items():
        if name not in values and item.default is MISSING and item.default_factory is MISSING:
            raise ConfigError("missing key", file=file, key=f"{where}.{name}", hint=f"add {name}")
    return kind(**values)


def _convert(kind: str, value: Any, file: str, key: str) -> Any:
    if kind == "Texts":
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ConfigError("must be an array of strings", file=file, key=key, hint='write ["…"]')
    if kind.startswith("tuple["):
        if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            return tuple(value)
        raise ConfigError("must be an array of tables", file=file, key=key, hint="write [[….example]]")
    if kind.startswith("Mapping["):
        if isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
            return dict(value)
        raise ConfigError("must be a table of strings", file=file, key=key, hint='write { name = "value" }')
    wanted: dict[str, tuple[type, ...]] = {"str": (str,), "bool": (bool,), "int": (int,), "float": (int, float)}
    if not isinstance(value, wanted[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise ConfigError(f"must be {kind}, not {type(value).__name__}", file=file, key=key, hint="see the shipped catalogue for the shape")
    return value


def _meant(word: str, known: Iterable[str]) -> str:
    return nearest(word, known) or f"known: {', '.join(map(repr, known))}"
