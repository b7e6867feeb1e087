"""Which client family a request or an attempt belongs to, from what it shows of itself. Knows nothing of stages or of grouping."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from connwatch.model.event import Event
from connwatch.rules.agents import AgentProfile
from connwatch.rules.catalogue import Catalogue

__all__ = ["BY", "Families", "redirect_host", "resolve_family"]

# How strongly each ground speaks, weakest first: `facts["client_by"]` of an event.
BY: tuple[str, ...] = ("address", "library", "redirect-shape", "referer", "endpoint-agent", "name", "redirect", "agent", "client-id")
_STRENGTH = {ground: place for place, ground in enumerate(BY)}


class Families:
    """The catalogue's clients, ready to be asked. Every answer is (family, ground) or None."""

    def __init__(self, catalogue: Catalogue) -> None:
        clients = list(catalogue.clients.values())
        self._redirects = [(pattern, client.family) for client in clients for pattern in client.redirects]
        self._redirect_hints = [(pattern, client.family) for client in clients for pattern in client.redirect_hints]
        self._client_ids = [(pattern, client.family) for client in clients for pattern in client.client_ids]
        self._names = {name.lower(): client.family for client in clients for name in (*client.names, *client.infos)}
        self._referers = {host.lower(): client.family for client in clients for host in client.referers}
        self._networks_text = [(network, client.family) for client in clients for network in client.networks]
        self._networks: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] | None = None
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._addresses: dict[str, str | None] = {}

    def named(self, profile: AgentProfile, params: Mapping[str, str], facts: Mapping[str, str], endpoint: bool) -> tuple[str, str] | None:
        """The family that the request names, by its strongest ground. `endpoint`: an MCP, OAuth or metadata endpoint, not a page."""
        client_id = params.get("client_id")
        if client_id and "://" in client_id and (family := self._match(self._client_ids, client_id)):
            return family, "client-id"
        if profile.family:
            return profile.family, "agent"
        redirect = params.get("redirect_uri")
        if redirect and (family := self._match(self._redirects, redirect)):
            return family, "redirect"
        for fact in ("client_name", "client_info"):
            if (name := facts.get(fact)) and (known := self.of_name(name)):
                return known, "name"
        return (profile.endpoint_family, "endpoint-agent") if endpoint and profile.endpoint_family else None

    def hinted(self, profile: AgentProfile, params: Mapping[str, str], address: str | None, referer: str | None) -> tuple[str, str] | None:
        """The family that the request merely suggests, by its strongest ground."""
        if referer and (family := self._referers.get(urlsplit_host(referer))):
            return family, "referer"
        redirect = params.get("redirect_uri")
        if redirect and (family := self._match(self._redirect_hints, redirect)):
            return family, "redirect-shape"
        if profile.hint:
            return profile.hint, "library"
        if address and profile.kind != "browser" and (family := self.of_address(address)):
            return family, "address"
        return None

    def of_name(self, name: str) -> str | None:
        """The family of an OAuth client name or an MCP client info ("name", "name/version" or "name (version)")."""
        low = name.strip().lower()
        return self._names.get(low) or self._names.get(re.split(r"[ /]v?\d|\s*\(", low, maxsplit=1)[0].strip())

    def of_address(self, address: str) -> str | None:
        """The family whose published ranges hold the address."""
        if address in self._addresses:
            return self._addresses[address]
        if self._networks is None:
            self._networks = [(ipaddress.ip_network(text, strict=False), family) for text, family in self._networks_text]
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return None
        family = next((family for network, family in self._networks if parsed in network), None)
        if len(self._addresses) >= 8192:
            self._addresses.clear()
        self._addresses[address] = family
        return family

    def _match(self, table: list[tuple[str, str]], value: str) -> str | None:
        for pattern, family in table:
            compiled = self._patterns.get(pattern)
            if compiled is None:
                body = re.escape(pattern).replace(r"\*", "[^/]*")
                compiled = self._patterns[pattern] = re.compile(body + r"/?(?:[?#].*)?", re.IGNORECASE)
            if compiled.fullmatch(value):
                return family
        return None


def resolve_family(events: Iterable[Event]) -> str:
    """The family of an attempt: the strongest ground among its events wins, ties by number, then the earlier.

    A client metadata document and a product's own agent outweigh a redirect URI, that a name, a name an agent that fetches pages too, and
    any of them every hint. Where only hints exist the strongest is taken: a library default is all that a hosted backend shows before it
    has a token. "other" when nothing speaks.
    """
    votes: dict[tuple[str, str], int] = {}
    for event in events:
        if event.client:
            ground = event.facts.get("client_by", "agent"), event.client
            votes[ground] = votes.get(ground, 0) + 1
        if event.hint:
            ground = event.facts.get("hint_by", "library"), event.hint
            votes[ground] = votes.get(ground, 0) + 1
    family, most = "other", (-1, 0)
    for (by, named), count in votes.items():
        weight = _STRENGTH.get(by, 0), count
        if weight > most:
            family, most = named, weight
    return family


def redirect_host(redirect: str | None) -> str | None:
    """Host and port of a redirect URI ("claude.ai", "localhost:3334"); for a private scheme the scheme too ("cursor://anysphere.cursor-mcp")."""
    if not redirect:
        return None
    try:
        parts = urlsplit(redirect)
    except ValueError:
        return None
    if not parts.netloc:
        return None
    host = parts.netloc.rpartition("@")[2].lower()
    return host if parts.scheme in ("http", "https") else f"{parts.scheme}://{host}"


def urlsplit_host(url: str) -> str:
    """Host without port of a URL, lower case; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
