"""Maintenance windows: over midnight, on chosen days, on a zone's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from connwatch.alerts.alert import Key
from connwatch.settings.maintenance import windows
from connwatch.settings.models import MaintenanceSettings

KEY = Key("claude", "MCP.example.org", "session", "token-unused")


def covered(moment: str, key: Key = KEY, **settings: object) -> bool:
    (window,) = windows([MaintenanceSettings.model_validate({"name": "backup", **settings})])
    return window.covers(key, datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("moment", "inside"),
    [("2026-11-22T22:59", False), ("2026-11-22T23:00", True), ("2026-11-23T01:59", True), ("2026-11-23T02:00", False), ("2026-11-23T23:30", False)],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    assert covered(moment, days=["sun"], start="23:00", end="02:00") is inside


def test_the_clock_is_that_of_the_zone() -> None:
    assert covered("2026-07-01T00:30", start="02:00", end="03:00", timezone="Europe/Madrid")
    assert not covered("2026-12-01T00:30", start="02:00", end="03:00", timezone="Europe/Madrid")
    assert covered("2026-12-01T01:30", start="02:00", end="03:00", timezone="Europe/Madrid")


def test_client_and_server_are_globs_without_case() -> None:
    assert covered("2026-12-01T01:30", start="00:00", end="23:59", server="*.EXAMPLE.org", client="cl*")
    assert not covered("2026-12-01T01:30", start="00:00", end="23:59", server="*.example.com")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start": "25:00", "end": "02:00"}, "no time of day"),
        ({"start": "02:00", "end": "2"}, "no time of day"),
        ({"start": "02:00", "end": "03:00", "timezone": "Europe/Atlantis"}, "no time zone that this machine knows"),
        ({"start": "02:00", "end": "03:00", "days": ["sunday"]}, "'mon', 'tue'"),
        ({"start": "02:00", "end": "03:00", "days": []}, "at least 1"),
        ({"start": "02:00", "end": "03:00", "client": "claud"}, "fits no client; there are claude, "),
    ],
)
def test_a_window_that_is_written_wrongly_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        MaintenanceSettings.model_validate({"name": "x", **settings})
