"""Which clients there are. Data alone; how one is recognised is told by the catalogue's `clients/`."""

from __future__ import annotations

__all__ = ["FAMILIES"]

FAMILIES: tuple[str, ...] = ("claude", "claude-code", "chatgpt", "cursor", "vscode", "inspector", "mcp-remote", "other")
