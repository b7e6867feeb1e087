"""Times, spans and ids as they are written on the command line. Must not know what is shown of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click

from connwatch.model.attempt import Attempt

__all__ = ["MOMENT", "SPAN", "one_of"]

_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def one_of(
    attempts: Iterable[Attempt], attempt_id: str, absent: str = "among those chosen from these logs; `connwatch replay` lists them"
) -> Attempt:
    """The attempt whose id is, or begins with, `attempt_id`. Raises a usage error for none (`absent` says where there is none) and for several."""
    found = [attempt for attempt in attempts if attempt.id.startswith(attempt_id)]
    exact = [attempt for attempt in found if attempt.id == attempt_id] or found
    if not exact:
        raise click.UsageError(f"no attempt {attempt_id!r} {absent}")
    if len(exact) > 1:
        raise click.UsageError(f"{attempt_id!r} begins {len(exact)} ids: {', '.join(sorted(one.id for one in exact)[:8])}; give more of it")
    return exact[0]


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


class _Span(click.ParamType[float]):
    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        span = _AGO.fullmatch(value.strip().lower())
        seconds = float(span[1]) * _SECONDS[span[2]] if span is not None else 0.0
        if not 0 < seconds <= 366 * 86_400:
            self.fail(f"{value!r} is no span of time; write 30m, 2h, 3d, 1w, at most a year", param, ctx)
        return seconds


#: A point in time on the command line.
MOMENT = _Moment()
#: A span of time on the command line, in seconds.
SPAN = _Span()
