"""Which attempts the user wants to see: by client, server, outcome and time. Must not know how they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import click

from connwatch.model.attempt import Attempt

__all__ = ["MOMENT", "Wanted"]

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice of attempts; an empty part chooses all. Clients and servers may be globs. Times are seconds since the epoch."""

    clients: Sequence[str] = ()
    servers: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    since: float | None = None
    until: float | None = None

    def __contains__(self, attempt: Attempt) -> bool:
        return (
            _fits(attempt.client, self.clients)
            and _fits(attempt.server, self.servers)
            and (not self.outcomes or attempt.outcome.value in self.outcomes)
            and (self.since is None or attempt.ended_at >= self.since)
            and (self.until is None or attempt.started_at <= self.until)
        )

    def __bool__(self) -> bool:
        return bool(self.clients or self.servers or self.outcomes or self.since is not None or self.until is not None)


def _fits(value: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value.lower(), pattern.lower()) for pattern in patterns)


class _Moment(click.ParamType[float]):
    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        ago = _AGO.fullmatch(value.strip().lower())
        if ago is not None:
            return datetime.now(UTC).timestamp() - float(ago[1]) * _SECONDS[ago[2]]
        try:
            moment = datetime.fromisoformat(value.strip())
            return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-11-23, 2026-11-23T07:51:06Z (without a zone it is UTC), or 30m, 2h, 3d ago", param, ctx)


#: A point in time on the command line.
MOMENT = _Moment()
