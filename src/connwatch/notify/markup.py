"""Plain text where a service expects markup: every character stands for itself. Pure."""

from __future__ import annotations

import html
import re

__all__ = ["escaped"]

#: CommonMark 2.4: any punctuation of ASCII may stand behind a backslash.
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")


def escaped(text: str, form: str) -> str:
    """`text` as a part of a message in `form`: html, markdown or text."""
    if form == "html":
        return html.escape(text)
    return _PUNCTUATION.sub(r"\\\1", text) if form == "markdown" else text
