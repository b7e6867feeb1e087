"""A message ready to send, in the three forms that channels take. Plain data; knows nothing of how it came about or who sends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Severity", "Text", "Tone"]

Severity = Literal["high", "low"]
Tone = Literal["failure", "warning", "success", "info"]


@dataclass(frozen=True, slots=True)
class Text:
    """One message. `title` is one line for a phone. `plain`, `markdown` and `html` say the same, the title left out; nothing of a log in them
    can act as markup or as a terminal's escape sequence, and secrets are digests already.

    `severity`, `clients` and `servers` are what targets are chosen by: families, host names as the log had them. `tone` is how it is to look.
    """

    title: str
    plain: str
    markdown: str
    html: str
    tone: Tone = "failure"
    severity: Severity = "high"
    clients: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
