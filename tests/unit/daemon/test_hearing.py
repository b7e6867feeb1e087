"""What is said of a source as a whole is said once: that it is deaf, that it hears, that its clock looks wrong."""

from __future__ import annotations

import logging

import pytest

from connwatch.daemon.hearing import Ear
from connwatch.daemon.zones import hours_off
from connwatch.model.mark import Mark
from connwatch.sources.source import Batch, SourceStatus
from connwatch.sources.stdin import StdinSource

NOW = 1_795_500_000.0


@pytest.mark.parametrize(
    ("lag", "hours"),
    [
        (3600.5, 1.0),
        (-7200.0, -2.0),
        (20_700.0, 5.75),
        (19_800 - 30, 5.5),
        (3600 + 90, None),
        (0.2, None),
        (900, None),
        (86_400.0, None),
        (2500, None),
    ],
)
def test_zones_are_whole_quarters_of_an_hour(lag: float, hours: float | None) -> None:
    assert hours_off(lag) == hours


def batch(seen_at: float | None) -> Batch:
    return Batch("app", b"a line\n", seen_at, "live")


def test_stamps_that_are_hours_off_are_told_once_and_forgotten_when_they_are_right(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "connwatch")
    source = StdinSource("app")
    ear = Ear([source])
    for _ in range(3):
        ear.heard(source, batch(NOW), NOW - 3600)
    assert "1 hours behind the clock: this looks like a time zone problem" in source.status.warnings["clock"]
    assert len(caplog.records) == 1
    ear.heard(source, batch(NOW), NOW - 0.3)
    assert source.status.warnings == {}
    assert source.status.lag == pytest.approx(0.3)


def test_an_old_backlog_is_no_wrong_clock() -> None:
    source = StdinSource("app")
    Ear([source]).heard(source, batch(None), NOW - 3600)
    assert (source.status.warnings, source.status.lag) == ({}, None)


def test_deafness_is_news_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "connwatch")
    source = StdinSource("app")
    source.status = SourceStatus(note="no permission")
    ear = Ear([source])
    deaf = {"app": NOW - 61}
    told = [ear.listen(who, NOW + second) for second, who in enumerate(({}, deaf, deaf, {}, {}))]
    assert told == [
        [],
        [Mark(NOW - 61, "app", "unreadable", "no permission")],
        [],
        [Mark(NOW + 3, "app", "readable", "after 64 seconds")],
        [],
    ]
    first, second = (record.getMessage() for record in caplog.records)
    assert "unreadable for a minute: no permission" in first
    assert second == "source app is back"
