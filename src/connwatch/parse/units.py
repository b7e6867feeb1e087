"""Numbers and words of structured logs as seconds, bytes and status codes. Knows no field names; never raises."""

from __future__ import annotations

import math
import re

from connwatch.parse import stamps

__all__ = ["UNITS", "duration_of", "instant_of", "whole_of"]

#: How many of a unit make one second.
UNITS: dict[str, float] = {"seconds": 1.0, "millis": 1e3, "micros": 1e6, "nanos": 1e9}

_GO = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|s|m|h)")
_GO_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?(?:[eE][+-]?\d{1,2})?")
_LATEST = 1e11  # seconds: what is later is no time of ours
_LONGEST_DURATION = 1e7


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip()) is None:
            return None
        value = float(value)
    if isinstance(value, (int, float)):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def instant_of(value: object, unit: str = "") -> float | None:
    """Seconds since the epoch. Without a unit the size of a number tells it; text is ISO 8601 (UTC where it names no zone) or CLF."""
    number = _number(value)
    if number is not None:
        if unit in UNITS:
            number /= UNITS[unit]
        else:
            for scale, least in ((1e9, 1e17), (1e6, 1e14), (1e3, 1e11)):
                if number >= least:
                    number /= scale
                    break
        return number if 0 < number < _LATEST else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    bare = value.strip()
    return stamps.iso(bare) or stamps.clf(bare)


def duration_of(value: object, unit: str = "") -> float | None:
    """Seconds. A number counts `unit`s (seconds by default); text may be a number or `1m2.5s`, `12 ms`, `830µs`."""
    number = _number(value)
    if number is not None:
        seconds = number / UNITS.get(unit, 1.0)
    elif isinstance(value, str) and 0 < len(value) <= 40:
        parts = _GO.findall(value)
        if not parts or _GO.sub("", value).strip():
            return None
        seconds = sum(float(count) * _GO_SECONDS[name] for count, name in parts)
    else:
        return None
    return seconds if 0 <= seconds < _LONGEST_DURATION else None


def whole_of(value: object) -> int | None:
    """A count: a whole number that is not negative and below 2**53."""
    number = _number(value)
    return int(number) if number is not None and 0 <= number < 2**53 else None
