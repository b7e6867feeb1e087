"""Maintenance windows as the configuration has them: when they hold, on the clock of a time zone. Knows no alert but its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connwatch.alerts.alert import Key
    from connwatch.settings.models import MaintenanceSettings

__all__ = ["Maintenance", "windows", "zone_exists"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Maintenance:
    """From `start` to `end` on the days on which it begins; an end before the start is on the next day. Globs, compared without case."""

    name: str
    days: tuple[str, ...]
    start: time
    end: time
    zone: tzinfo
    client: str = "*"
    server: str = "*"

    def covers(self, key: Key, now: float) -> bool:
        """Whether it holds for this now, in seconds since the epoch. Where clocks are put forward or back, what they show counts."""
        here = datetime.fromtimestamp(now, self.zone).replace(tzinfo=None)
        for day in (here.date(), here.date() - timedelta(days=1)):
            begin = datetime.combine(day, self.start)
            end = datetime.combine(day, self.end)
            if end <= begin:
                end += timedelta(days=1)
            if begin <= here < end and _DAYS[day.weekday()] in self.days:
                return key.fits(client=self.client, server=self.server)
        return False


def windows(settings: Iterable[MaintenanceSettings]) -> list[Maintenance]:
    """The windows of a configuration, which was checked."""
    return [Maintenance(one.name, one.days, one.start, one.end, _zone(one.timezone), one.client, one.server) for one in settings]


def zone_exists(name: str) -> bool:
    """Whether this machine knows the time zone."""
    try:
        _zone(name)
    except (OSError, KeyError, ValueError):
        return False
    return True


def _zone(name: str) -> tzinfo:
    """Raises OSError, KeyError or ValueError where there is none. UTC is there even without a database of zones, and nothing is loaded for it."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
