"""What a host has shown so far: where its MCP endpoints are, which browsers are signing in. Bounded, in event time, no clock of its own."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["HostMemory", "Hosts"]

_HOSTS = 4096
_PATHS = 64
_VISITORS = 2048
FOLLOWING_SECONDS = 900.0
"""How long after an authorization request a browser's pages may still belong to it: as long as a consent may take."""

PREFLIGHT_SECONDS = 600.0


class HostMemory:
    """One virtual host. Times are seconds since the epoch; `speaks` says that it has shown OAuth or MCP."""

    __slots__ = ("challenged_at", "endpoints", "mcp_paths", "preflights", "speaks", "visitors")

    def __init__(self) -> None:
        self.speaks = False
        self.mcp_paths: set[str] = set()
        self.endpoints: set[str] = set()  # directories of authorization endpoints, with the closing slash
        self.visitors: OrderedDict[str, float] = OrderedDict()  # address of a browser -> last authorization or consent
        self.preflights: OrderedDict[str, float] = OrderedDict()  # path -> last preflight
        self.challenged_at = float("-inf")

    def learn_mcp(self, path: str) -> None:
        """Remember an MCP endpoint."""
        if len(self.mcp_paths) < _PATHS:
            self.mcp_paths.add(path)

    def learn_endpoint(self, path: str) -> None:
        """Remember the directory of an authorization endpoint (the root says nothing)."""
        directory = path.rstrip("/").rpartition("/")[0] + "/"
        if directory != "/" and len(self.endpoints) < _PATHS:
            self.endpoints.add(directory)

    def visit(self, address: str, at: float) -> None:
        """A browser at this address is in an authorization."""
        _touch(self.visitors, address, at)

    def follows(self, address: str, at: float) -> bool:
        """Whether a browser at this address came to an authorization endpoint lately (late lines count from either side)."""
        last = self.visitors.get(address)
        return last is not None and abs(at - last) <= FOLLOWING_SECONDS

    def preflight(self, path: str, at: float) -> None:
        """A CORS preflight for this path."""
        _touch(self.preflights, path, at)

    def preflighted(self, path: str, at: float) -> bool:
        """Whether a CORS preflight for this path came lately: browsers keep the answer for some minutes."""
        last = self.preflights.get(path)
        return last is not None and abs(at - last) <= PREFLIGHT_SECONDS


class Hosts:
    """Memories by host name; the least recently used are forgotten."""

    def __init__(self) -> None:
        self._memories: OrderedDict[str, HostMemory] = OrderedDict()

    def of(self, host: str | None) -> HostMemory:
        """The memory of a host; requests without one share a memory."""
        name = host or ""
        memory = self._memories.get(name)
        if memory is None:
            memory = self._memories[name] = HostMemory()
            if len(self._memories) > _HOSTS:
                self._memories.popitem(last=False)
        else:
            self._memories.move_to_end(name)
        return memory


def _touch(table: OrderedDict[str, float], key: str, at: float) -> None:
    table[key] = max(at, table.get(key, at))
    table.move_to_end(key)
    if len(table) > _VISITORS:
        table.popitem(last=False)
