"""What a request asks for, out of the parameters of its URL: which attempts, a time, a page. Must not know what is answered.

A parameter that cannot be understood is a `QuestionError`, whose text is a sentence for whoever asked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from starlette.datastructures import QueryParams

from connwatch.model.attempt import Attempt, Outcome
from connwatch.model.heard import Heard
from connwatch.model.selection import Selection

__all__ = ["MOST_LISTED", "Cursor", "QuestionError", "cursor_of", "heard_by", "limit_of", "moment_of", "selection_of", "wanted_by", "written_cursor"]

MOST_LISTED = 500
USUALLY_LISTED = 100
MOST_NAMED = 100
"""Globs for one parameter: each is asked of every attempt."""

Cursor = tuple[float, str]
"""The start (seconds since the epoch) and the id of the last attempt of a page."""


class QuestionError(ValueError):
    """The parameters make no sense."""


def selection_of(query: QueryParams) -> Selection:
    """`client`, `server` and `outcome`, globs that may be repeated, `since` and `until`. Raises QuestionError."""
    for name in ("client", "server", "outcome"):
        if (given := len(query.getlist(name))) > MOST_NAMED:
            raise QuestionError(f"{name} may be given {MOST_NAMED} times, not {given}")
    return Selection(query.getlist("client"), query.getlist("server"), _outcomes(query), moment_of(query, "since"), moment_of(query, "until"))


def wanted_by(query: QueryParams) -> Callable[[Attempt], bool]:
    """The same, asked of one attempt after the other. Raises QuestionError."""
    return selection_of(query).__contains__


def heard_by(query: QueryParams) -> Callable[[Heard], bool]:
    """The same, asked of requests whose attempt is not known yet. Raises QuestionError."""
    selection = selection_of(query)
    return lambda one: selection.takes(one.client, one.server, Outcome.WAITING.value, one.at, one.at)


def limit_of(query: QueryParams) -> int:
    """How many at most. More than may be had is brought down. Raises QuestionError."""
    text = query.get("limit", str(USUALLY_LISTED))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text)):
        raise QuestionError(f"limit is a number from 1 to {MOST_LISTED}, not {_shown(text)}")
    return min(int(text), MOST_LISTED)


def moment_of(query: QueryParams, name: str) -> float | None:
    """A time as seconds since the epoch; None where it was not asked for. Raises QuestionError."""
    text = query.get(name)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.replace(" ", "+"))  # a + in a URL that was not escaped
            seconds = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            seconds = math.nan
    if not math.isfinite(seconds):
        raise QuestionError(f"{name} is a time such as 2026-11-23T07:51:06Z (without a zone it is UTC) or seconds of the epoch, not {_shown(text)}")
    return seconds


def cursor_of(query: QueryParams) -> Cursor | None:
    """Where the page before ended. Raises QuestionError."""
    text = query.get("after")
    if text is None:
        return None
    start, _, name = text.partition("_")
    try:
        seconds = float(start)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or not name:
        raise QuestionError(f"after is what the page before gave as next, not {_shown(text)}")
    return seconds, name


def written_cursor(attempt: Attempt) -> str:
    """The place behind an attempt, for `after`."""
    return f"{attempt.started_at!r}_{attempt.id}"


def _outcomes(query: QueryParams) -> list[str]:
    known = [outcome.value for outcome in Outcome]
    chosen: set[str] = set()
    for pattern in query.getlist("outcome"):
        found = [name for name in known if fnmatchcase(name, pattern.lower())]
        if not found:
            raise QuestionError(f"no outcome is called {_shown(pattern)}; there are {', '.join(known)}")
        chosen.update(found)
    return [name for name in known if name in chosen]


def _shown(text: str) -> str:
    return repr(text[:60])
