"""Which clients there are, and what people call them. Data alone; how one is recognised is told by the catalogue's `clients/`."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FAMILIES", "TITLES"]

TITLES: Mapping[str, str] = {
    "claude": "Claude (hosted)",
    "claude-code": "Claude Code",
    "chatgpt": "ChatGPT",
    "cursor": "Cursor",
    "vscode": "VS Code",
    "inspector": "MCP Inspector",
    "mcp-remote": "mcp-remote",
    "other": "the client",
}
FAMILIES: tuple[str, ...] = tuple(TITLES)
