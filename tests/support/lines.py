"""Log lines said in a few words, and a short way to tell what an engine made of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from connwatch.diagnose.serial import attempt_row
from connwatch.model.change import Change, Closed, Evicted
from support.said import AGENTS

__all__ = ["BASE", "closed", "proxy", "server", "story", "told"]

BASE = 1_795_420_800.0  # 2026-11-23T08:00:00Z
BROWSER = "firefox"
#: A connection from its first request to its session, as seconds, agent, request, status; the browser is somebody else's machine.
STORY = """
0.0 {agent} POST /mcp 401
0.1 {agent} GET /.well-known/oauth-protected-resource/mcp 200
0.2 {agent} GET /.well-known/oauth-authorization-server 200
0.3 {agent} POST /register 201
0.9 firefox GET /authorize?client_id=c&redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback&state={state} 302 at 198.51.100.7
4.0 {agent} POST /token 200
4.2 {agent} POST /mcp 200
4.3 {agent} POST /mcp 202
4.4 {agent} POST /mcp 200
"""


def _stamp(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z "


def proxy(*rows: str, base: float = BASE, host: str = "mcp.example.org", address: str = "160.79.104.10", stamps: bool = True) -> bytes:
    """nginx-proxy's lines: each row is "SECONDS AGENT METHOD TARGET STATUS [at ADDRESS]"; rows may hold several lines."""
    out = []
    for row in "\n".join(rows).strip().splitlines():
        seconds, agent, method, target, status, *rest = row.split()
        at = base + float(seconds)
        who = rest[1] if rest else address
        moment = datetime.fromtimestamp(at, UTC)
        line = (
            f'{host} {who} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "{method} {target} HTTP/1.1" {status} 120 "-" '
            f'"{AGENTS.get(agent) or agent}" "172.20.0.6:8080"\n'
        )
        out.append((at, (_stamp(at) if stamps else "") + line))
    return "".join(text for _, text in sorted(out, key=lambda pair: pair[0])).encode()


def server(*rows: str, base: float = BASE, stamps: bool = True) -> bytes:
    """coda-mcp's lines: each row is "SECONDS TEXT"."""
    out = []
    for row in rows:
        seconds, _, text = row.partition(" ")
        out.append((_stamp(base + float(seconds)) if stamps else "") + text + "\n")
    return "".join(out).encode()


def story(start: float = 0.0, agent: str = "claude", *, until: int = 9, state: str = "s") -> str:
    """The first `until` lines of a connection that begins at `start` seconds."""
    rows = STORY.format(agent=agent, state=f"{state}{start}xQvLmZp0TnRb").strip().splitlines()[:until]
    return "\n".join(f"{float(seconds) + start:.3f} {rest}" for seconds, _, rest in (row.partition(" ") for row in rows))


def closed(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The attempts that became final, in order of their beginning."""
    rows = [attempt_row(change.attempt) for change in changes if isinstance(change, Closed | Evicted)]
    return sorted(rows, key=lambda row: (row["started_at"], row["id"]))


def told(changes: Iterable[Change]) -> list[tuple[str, str, str | None, int]]:
    """(client, outcome, where it stopped, lines) of each attempt that became final."""
    return [(row["client"], row["outcome"], row["stuck_at"], len(row["events"])) for row in closed(changes)]
