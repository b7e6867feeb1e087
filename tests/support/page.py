"""The commands of a page of docs/ that a script can follow: blocks marked `<!-- follow: NAME -->`, or `<!-- follow: NAME how, how -->`."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_BLOCK = re.compile(r"<!-- follow: (?P<name>[a-z]+)(?P<how>[a-z ,]*) -->\n```sh\n(?P<text>.*?)```", re.DOTALL)


def steps(page: str, name: str) -> list[tuple[set[str], str]]:
    """The blocks under a name, in their order, each with how it is followed."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = [({how.strip() for how in m["how"].split(",")} - {""}, m["text"]) for m in _BLOCK.finditer(text) if m["name"] == name]
    assert found, f"{page} has no block to follow under the name {name}"
    return found


def blocks(page: str, name: str) -> list[str]:
    """The same without how."""
    return [text for _, text in steps(page, name)]
