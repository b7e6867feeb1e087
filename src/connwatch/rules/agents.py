"""What a user agent says of its sender: a known client, a library, a browser, noise, or nothing. Knows nothing of requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connwatch.rules.catalogue import Catalogue

__all__ = ["ABSENT", "AgentProfile", "Agents"]

_MEMO_LIMIT = 8192


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """`kind` is "connector", "library", "absent", "browser" or "noise".

    `family` is the client that the agent names, `endpoint_family` the one that it names only on the MCP and OAuth endpoints,
    `hint` the client that is known to use this library. `noise` is the class of noise, or "".
    """

    kind: str
    family: str | None = None
    endpoint_family: str | None = None
    hint: str | None = None
    noise: str = ""

    @property
    def named(self) -> str | None:
        """The family that this agent names on an MCP or OAuth endpoint."""
        return self.family or self.endpoint_family


ABSENT = AgentProfile("absent")


class Agents:
    """Looks agents up by their longest known prefix; answers are remembered (bounded)."""

    def __init__(self, catalogue: Catalogue) -> None:
        prefixes: dict[str, AgentProfile] = {}
        for rule in catalogue.agents.values():
            _claim(prefixes, rule.agents, AgentProfile(rule.kind))
        for client in catalogue.clients.values():
            _claim(prefixes, client.libraries, AgentProfile("library", hint=client.family))
        for noise in catalogue.noise.values():
            _claim(prefixes, noise.agents, AgentProfile("noise", noise=noise.noise))
        for client in catalogue.clients.values():
            _claim(prefixes, client.agents, AgentProfile("connector", family=client.family))
            _claim(prefixes, client.mcp_agents, AgentProfile("connector", endpoint_family=client.family))
        self._prefixes: Mapping[str, AgentProfile] = prefixes
        self._lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
        self._fragments = [(text.lower(), rule.noise) for rule in catalogue.noise.values() for text in rule.contains]
        self._memo: dict[str, AgentProfile] = {}

    def profile(self, agent: str | None) -> AgentProfile:
        """The profile of one user agent; None, "" and "-" are absent, what nothing knows counts as a library."""
        if not agent or agent == "-":
            return ABSENT
        known = self._memo.get(agent)
        if known is None:
            known = self._look_up(agent.lower())
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[agent] = known
        return known

    def _look_up(self, agent: str) -> AgentProfile:
        found = AgentProfile("library")
        for length in self._lengths:
            profile = self._prefixes.get(agent[:length])
            if profile is not None and _ends_there(agent, length):
                found = profile
                break
        if found.kind != "connector":
            for text, noise in self._fragments:
                if text in agent:
                    return AgentProfile("noise", noise=noise)
        return found


def _claim(prefixes: dict[str, AgentProfile], agents: tuple[str, ...], profile: AgentProfile) -> None:
    for agent in agents:
        prefixes[agent.lower()] = profile


def _ends_there(agent: str, length: int) -> bool:
    """A prefix that ends in a letter must not end inside a word: "node" is not "node-fetch-bot", nor "claude-user" "claude-userbot"."""
    return len(agent) <= length or not agent[length - 1].isalnum() or not (agent[length].isalnum() or agent[length] == "-")
