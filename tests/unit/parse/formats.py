"""The shipped format tables, read once for the tests of this floor."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import Any

from connwatch.parse.redact import Redactor
from connwatch.parse.registry import PARSERS

REDACTOR = Redactor(b"a key for tests")
CANDIDATES = re.compile(rb" /(?:mcp|sse|messages|oauth|\.well-known/(?:oauth|openid)|authorize|token|register|consent)")


def shipped() -> dict[str, dict[str, Any]]:
    """Format tables by id, for the kinds that have a parser."""
    tables: dict[str, dict[str, Any]] = {}
    for file in sorted((resources.files("connwatch") / "catalogue" / "formats").iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            for table in tomllib.loads(file.read_text(encoding="utf-8"))["format"]:
                tables[table["id"]] = table
    return {name: table for name, table in tables.items() if table.get("kind", "log_format") in PARSERS}


FORMATS = shipped()
