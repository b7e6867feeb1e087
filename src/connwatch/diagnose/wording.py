"""Texts of diagnoses: fields in braces from a closed list, filled from the fold and made safe to show.

Log text is another party's: control characters never pass, and nothing is longer than a line.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final

from connwatch.diagnose.view import View
from connwatch.model.errors import ConfigError
from connwatch.model.family import TITLES

__all__ = ["FIELDS", "check_template", "client_title", "fill", "plain", "seconds"]

_LONGEST: Final = 120
_FIELD = re.compile(r"\{([a-z_]*)\}")

def plain(text: str, longest: int = _LONGEST) -> str:
    """Text of a log on one line, printable ASCII or letters only, and cut."""
    cut = text[: longest + 1]
    clean = cut if cut.isprintable() else "".join([letter if letter.isprintable() else "?" for letter in cut])
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def client_title(family: str) -> str:
    """A client family as its vendor writes it; "the client" where it is not known."""
    return TITLES.get(family, TITLES["other"])


def seconds(value: float) -> str:
    """A span in the unit that reads best: "0.4 s", "90 s", "12 min", "3 h"."""
    if value < 10:
        return f"{max(value, 0.0):.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"


def _status(view: View) -> str:
    event = view.verdict.event
    return "no status" if event is None or event.status is None else str(event.status)


def _request(view: View) -> str:
    event = view.verdict.event
    return "the request" if event is None else f"{plain(event.method, 10)} {plain(event.path, 80)}"


def _since_token(view: View) -> str:
    granted, event = view.state.granted, view.verdict.event
    return "an unknown time" if granted is None or event is None else seconds(event.started_at - granted.at)


def _error(view: View) -> str:
    event = view.verdict.event
    value = "" if event is None else event.facts.get("oauth_error", "") or event.facts.get("cause", "")
    return f" ({plain(value, 60)})" if value else ""


def _tally(place: str) -> Callable[[View], str]:
    def count(view: View) -> str:
        tally = view.state.tallies.get(place)
        return "0" if tally is None else str(tally.ok + tally.bad)

    return count


FIELDS: Final[dict[str, Callable[[View], str]]] = {
    "client": lambda view: client_title(view.family),
    "server": lambda view: plain(view.attempt.server, 80) or "the server",
    "status": _status,
    "request": _request,
    "error": _error,
    "since_token": _since_token,
    "tokens": lambda view: str(view.state.tokens),
    "rejections": lambda view: str(view.state.rejections),
    "challenges": lambda view: str(view.state.challenges),
    "served": lambda view: str(view.state.served + view.state.served_before),
    "registrations": _tally("registration"),
    "documents": lambda view: str(view.state.bad("resource_metadata") + view.state.bad("server_metadata")),
    "stuck": lambda view: view.verdict.stuck or "",
}


def check_template(text: str, where: str, key: str) -> None:
    """Raise ConfigError for a field that does not exist."""
    for name in _FIELD.findall(text):
        if name not in FIELDS:
            raise ConfigError(f"unknown field {{{name}}}", file=where, key=key, hint=f"known: {', '.join(sorted(FIELDS))}")


def fill(text: str, view: View) -> str:
    """The text with its fields filled in."""
    if "{" not in text:
        return text
    return "".join([part if number % 2 == 0 else FIELDS[part](view) for number, part in enumerate(_parts(text))])


@functools.lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[str, ...]:
    """Plain text and names of fields in turn."""
    return tuple(_FIELD.split(text))
