"""Is it the clock or the zone? A line that is read as it is written, with a stamp that is whole quarters of an hour off. Pure."""

from __future__ import annotations

__all__ = ["hours_off"]

_QUARTER = 900.0
_SLACK = 60.0


def hours_off(lag: float) -> float | None:
    """By how many hours a live stamp is wrong as a zone makes it wrong (all zones are whole quarters of an hour); None where it is not.

    `lag` is from the stamp to the reading, in seconds; a stamp from the future has a negative one.
    """
    quarters = round(lag / _QUARTER)
    if 2 <= abs(quarters) <= 56 and abs(lag - quarters * _QUARTER) <= _SLACK:
        return quarters / 4
    return None
