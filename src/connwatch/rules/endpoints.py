"""MCP endpoints that a log gives away at paths where nobody looks for them. Remembers nothing: who reads the log does."""

from __future__ import annotations

from dataclasses import dataclass

from connwatch.model.record import Request
from connwatch.rules.agents import Agents
from connwatch.rules.candidates import covers

__all__ = ["Endpoints"]

_RESOURCE_METADATA = "/.well-known/oauth-protected-resource/"  # followed by the path of the resource, RFC 9728 section 3.1
_NO_CLIENTS = frozenset({"browser", "noise"})


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Asked about each request."""

    agents: Agents

    def __call__(self, request: Request) -> str | None:
        """A path that this line shows to be an MCP endpoint, so that plain requests for it are looked at from the next line on."""
        path = request.path
        if request.status == 401 and request.method == "POST" and not covers(path):
            # a browser's or a scanner's 401 is a login form, and would fill the few places with ordinary pages
            return None if self.agents.profile(request.agent).kind in _NO_CLIENTS else path
        if _RESOURCE_METADATA in path:
            suffix = "/" + path.partition(_RESOURCE_METADATA)[2]
            return None if covers(suffix) else suffix
        return None
