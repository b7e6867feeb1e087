"""Record to event: which step of a connection a request is, whose, and which keys it carries. Knows nothing of attempts.

Requests come in the order of time. A classifier remembers, for each host, where its MCP endpoints are and which browsers are signing in,
so that paths no rule could name are understood from what surrounds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from connwatch.model.event import Actor, Event, Evidence, Stage
from connwatch.model.record import Request
from connwatch.rules.agents import AgentProfile, Agents
from connwatch.rules.catalogue import Catalogue, StageRule
from connwatch.rules.clients import Families, redirect_host
from connwatch.rules.context import HostMemory, Hosts
from connwatch.rules.session import McpSteps
from connwatch.rules.shapes import Shapes

__all__ = ["Classifier", "Options"]

_PAGES = {Stage.AUTHORIZATION, Stage.CONSENT}
_ENDPOINTS = {Stage.RESOURCE_METADATA, Stage.SERVER_METADATA, Stage.REGISTRATION, Stage.TOKEN, Stage.REFRESH, Stage.PREFLIGHT}
_MCP = frozenset(Stage) - _PAGES - _ENDPOINTS - {Stage.OTHER, Stage.PROBE}
_ASSETS = (".js", ".css", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp", ".woff", ".woff2", ".ttf", ".map", ".json", ".webmanifest")
_METADATA_SECONDS = 60.0
_MEMO_LIMIT = 8192
_STAGES = {stage.value: stage for stage in Stage}


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator knows and no rule can guess: exact paths of MCP endpoints, and paths pinned to a stage."""

    mcp_paths: frozenset[str] = frozenset()
    endpoints: Mapping[str, Stage] = field(default_factory=dict)


class Classifier:
    """Turns requests into events, one at a time, in the order of time."""

    def __init__(self, catalogue: Catalogue, options: Options | None = None) -> None:
        self.options = options or Options()
        self._agents = Agents(catalogue)
        self._families = Families(catalogue)
        self._shapes = Shapes(catalogue)
        self._steps = McpSteps(catalogue)
        self._hosts = Hosts()
        self._told: dict[tuple[str, str, int | None, str, bool | None], tuple[Stage, str]] = {}  # what the shape of a plain request settles

    def classify(self, request: Request, at: float | None = None) -> Event | None:
        """The event of a request, or None when it is not of our domain. `at` is the time of a request that carries none."""
        time = request.at if request.at is not None else at or 0.0
        profile = self._agents.profile(request.agent)
        memory = self._hosts.of(request.host)
        found = self._stage(request, profile, memory, time)
        if found is None:
            return None
        stage, noise = found
        noise = noise or profile.noise
        if not noise:
            self._learn(request, stage, profile, memory, time)
        return self._event(request, stage, noise, profile, time)

    # which stage

    def _stage(self, request: Request, profile: AgentProfile, memory: HostMemory, time: float) -> tuple[Stage, str] | None:
        path, method, kind = request.path, request.method, profile.kind
        plain = not request.params and not request.facts
        shape = (path, method, request.status, kind, request.authorization)
        if plain and (told := self._told.get(shape)) is not None:
            return told
        rules = self._shapes.fitting(method, path, request.params)
        if method == "OPTIONS":
            known = path in memory.mcp_paths or path in self.options.mcp_paths or path in self.options.endpoints
            return (Stage.PREFLIGHT, "") if known or any(not rule.noise for rule in rules) else None
        pinned = self.options.endpoints.get(path)
        if pinned is not None:
            return pinned, ""
        if path in self.options.mcp_paths:
            return self._steps.stage(request, legacy_message=False), ""
        for rule in rules:
            if rule.agents and kind not in rule.agents:
                continue
            if rule.needs:
                plain = False
                if not self._met(rule.needs, request, profile, memory, time):
                    continue
            found = self._of_rule(rule, request)
            if rule.stage == "session" and method == "GET" and kind == "browser":
                # A client that runs in a browser asks for leave first; who just opens the address in a browser is a visitor.
                return found if memory.preflighted(path, time) else (found[0], "operator")
            if plain:
                if len(self._told) >= _MEMO_LIMIT:
                    self._told.clear()
                self._told[shape] = found
            return found
        return self._by_surroundings(request, profile, memory, time)

    def _of_rule(self, rule: StageRule, request: Request) -> tuple[Stage, str]:
        stage = _STAGES[rule.stage]
        if stage is Stage.SESSION:
            stage = self._steps.stage(request, legacy_message=bool(rule.query_any))
        elif stage is Stage.TOKEN and "refresh_token" in (request.facts.get("grant_type"), request.params.get("grant_type")):
            stage = Stage.REFRESH
        return stage, rule.noise

    def _met(self, needs: str, request: Request, profile: AgentProfile, memory: HostMemory, time: float) -> bool:
        if needs == "domain":
            return memory.speaks or profile.kind != "browser"
        if needs == "preflight":
            return memory.preflighted(request.path, time)
        return memory.follows(request.address or "", time) or self._referred(request)

    def _by_surroundings(self, request: Request, profile: AgentProfile, memory: HostMemory, time: float) -> tuple[Stage, str] | None:
        """What no rule names: an endpoint at an odd path, a probe, a page of a browser that is signing in."""
        path, method, kind = request.path, request.method, profile.kind
        machine = kind in ("connector", "library", "absent")
        if path in memory.mcp_paths and (method in ("POST", "DELETE") or (machine and method in ("GET", "HEAD"))):
            return self._steps.stage(request, legacy_message=False), ""
        if method == "POST" and (profile.named or (machine and request.status == 401)):
            return self._steps.stage(request, legacy_message=False), ""
        if path == "/" and ((machine and method == "HEAD") or (method == "GET" and (profile.named or profile.hint))):
            return Stage.PROBE, ""
        if method == "GET" and profile.named and profile.family:
            return Stage.OTHER, ""
        if method == "GET" and machine and path.lower().endswith(".json") and abs(time - memory.challenged_at) <= _METADATA_SECONDS:
            return Stage.OTHER, ""
        if kind in ("browser", "absent"):
            return self._page(request, memory, time)
        return None

    def _page(self, request: Request, memory: HostMemory, time: float) -> tuple[Stage, str] | None:
        referred = self._referred(request)
        below = any(request.path.startswith(directory) for directory in memory.endpoints) and memory.follows(request.address or "", time)
        if not referred and not below:
            return None
        asset = request.path.lower().endswith(_ASSETS) or request.method not in ("GET", "POST", "PUT")
        return (Stage.OTHER if asset else Stage.CONSENT), ""

    def _referred(self, request: Request) -> bool:
        """Whether the Referer is an authorization or consent page of the same host."""
        if not request.referer or request.referer == "-":
            return False
        try:
            parts = urlsplit(request.referer)
        except ValueError:
            return False
        if request.host and (parts.hostname or "") != request.host.rpartition(":")[0 if request.host.count(":") == 1 else 2].lower():
            return False
        for rule in self._shapes.fitting("GET", parts.path or "/", request.referer_params):
            if rule.stage in ("authorization", "consent") and rule.needs in ("", "domain"):
                return True
        return False

    # what the request teaches

    def _learn(self, request: Request, stage: Stage, profile: AgentProfile, memory: HostMemory, time: float) -> None:
        path = request.path
        if stage is Stage.PREFLIGHT or (request.method == "POST" and profile.kind == "browser" and stage not in _PAGES):
            memory.preflight(path, time)
        if path in memory.mcp_paths and stage is not Stage.CHALLENGE:
            return
        if stage in _PAGES:
            memory.speaks = True
            memory.visit(request.address or "", time)
            if stage is Stage.AUTHORIZATION:
                memory.learn_endpoint(path)
                self._learn_resource(request)
            return
        if stage in (Stage.OTHER, Stage.PROBE, Stage.PREFLIGHT):
            return
        memory.speaks = True
        if stage is Stage.RESOURCE_METADATA:
            self._learn_suffix(path, memory)
        elif stage not in _ENDPOINTS:
            if stage is Stage.CHALLENGE:
                memory.challenged_at = max(memory.challenged_at, time)
            memory.learn_mcp(path)

    def _learn_suffix(self, path: str, memory: HostMemory) -> None:
        """RFC 9728 section 3.1: what follows the well-known name is the path of the resource."""
        before, _, after = path.partition("/.well-known/")
        _, slash, suffix = after.partition("/")
        if slash and suffix:
            memory.learn_mcp(f"{before}/{suffix}")

    def _learn_resource(self, request: Request) -> None:
        """RFC 8707: the resource parameter of an authorization request is the URL of the MCP endpoint."""
        try:
            parts = urlsplit(request.params.get("resource", ""))
            host = parts.hostname
        except ValueError:
            return
        if host and parts.path not in ("", "/"):
            self._hosts.of(host if request.host else None).learn_mcp(parts.path)

    # the event

    def _event(self, request: Request, stage: Stage, noise: str, profile: AgentProfile, time: float) -> Event:
        facts = request.facts.copy()
        params, behind = request.params, request.referer_params
        client = hint = redirect = None
        if not noise:
            client, hint = self._whose(request, stage, profile, facts)
        if params or behind:
            redirect = redirect_host(params.get("redirect_uri") or behind.get("redirect_uri"))
        start = end = time
        duration = request.duration
        if duration:
            start, end = (time - duration, time) if request.role == "proxy" else (time, time + duration)
        line = request.line
        return Event(  # positional, because names cost half as much again
            end, start, stage, request.method, request.path, request.status, request.host, request.address, request.agent,
            _actor(profile, stage), client, hint, noise,
            request.size, duration, request.upstream, request.authorization,
            redirect, _resource(request, stage), request.coarse,
            request.keys.copy(), facts,
            [Evidence(request.source, line, request.end_line)], request.referer, (0, line),
        )  # fmt: skip

    def _whose(self, request: Request, stage: Stage, profile: AgentProfile, facts: dict[str, str]) -> tuple[str | None, str | None]:
        """(family that is named, family that is suggested); the ground of the answer is noted in `facts`."""
        page = stage in _PAGES
        if not facts and not request.params and not request.referer_params and request.referer is None:
            return self._by_agent(request, stage, profile, facts, page)
        named = self._families.named(profile, request.params, facts, not page and stage is not Stage.OTHER)
        if named is None and page and request.referer_params:
            named = self._families.named(profile, request.referer_params, {}, False)
        if named is not None:
            facts["client_by"] = named[1]
            return named[0], None
        hinted = self._families.hinted(profile, request.params, request.address, request.referer)
        if hinted is not None:
            facts["hint_by"] = hinted[1]
            return None, hinted[0]
        return None, None

    def _by_agent(self, request: Request, stage: Stage, profile: AgentProfile, facts: dict[str, str], page: bool) -> tuple[str | None, str | None]:
        """The same for the many requests that show nothing but their agent and their address."""
        if profile.family:
            facts["client_by"] = "agent"
            return profile.family, None
        if profile.endpoint_family and not page and stage is not Stage.OTHER:
            facts["client_by"] = "endpoint-agent"
            return profile.endpoint_family, None
        if profile.hint:
            facts["hint_by"] = "library"
            return None, profile.hint
        if request.address and profile.kind != "browser" and (family := self._families.of_address(request.address)):
            facts["hint_by"] = "address"
            return None, family
        return None, None


def _actor(profile: AgentProfile, stage: Stage) -> Actor:
    if profile.kind == "browser":
        return "browser"
    if profile.kind == "absent":
        return "browser" if stage in _PAGES else "backend" if stage is not Stage.OTHER else "unknown"
    return "unknown" if profile.kind == "noise" else "backend"


def _resource(request: Request, stage: Stage) -> str | None:
    """The protected resource that the request is about, as "host/path" without a closing slash, where it says so."""
    if stage in _MCP:
        return (request.host or "") + request.path.rstrip("/")
    if stage is Stage.AUTHORIZATION or stage is Stage.TOKEN:
        if not request.params:
            return None
        try:
            parts = urlsplit(request.params.get("resource", ""))
        except ValueError:
            return None
        return f"{parts.netloc.lower()}{parts.path.rstrip('/')}" if parts.netloc else None
    if stage is Stage.RESOURCE_METADATA:
        before, _, after = request.path.partition("/.well-known/")
        suffix = after.partition("/")[2].rstrip("/")
        return f"{request.host or ''}{before}/{suffix}" if suffix else None
    return None
