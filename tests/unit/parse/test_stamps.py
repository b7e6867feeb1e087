"""Time stamps, written out, against the calendar of the standard library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.parse import stamps

MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001 - the zone is drawn apart
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=MOMENTS, zone=ZONES)
def test_common_log_format_in_any_zone(moment: datetime, zone: timezone) -> None:
    there = moment.replace(microsecond=0, tzinfo=zone)
    assert stamps.clf(there.strftime("%d/%b/%Y:%H:%M:%S %z")) == there.timestamp()
    assert stamps.clf(there.strftime("[%d/%b/%Y:%H:%M:%S %z]")) == there.timestamp()


@given(moment=MOMENTS, zone=ZONES)
def test_iso_in_any_zone(moment: datetime, zone: timezone) -> None:
    there = moment.replace(tzinfo=zone)
    assert stamps.iso(there.isoformat()) == pytest.approx(there.timestamp(), abs=1e-6)
    assert stamps.iso(there.isoformat(" ")) == pytest.approx(there.timestamp(), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T07:52:42.940000001Z", 1795420362.940000001),
        ("2026-11-23 07:52:42,940", 1795420362.94),
        ("2026-11-23T07:52:42+0100", 1795416762.0),
        ("2026-11-23T07:52:42 UTC", 1795420362.0),
    ],
)
def test_other_shapes_of_iso(text: str, at: float) -> None:
    assert stamps.iso(text) == at


def test_the_error_log_names_no_zone() -> None:
    utc = datetime(2026, 11, 23, 7, 53, 5, tzinfo=UTC).timestamp()
    assert stamps.nginx_error("2026/11/23 07:53:05") == utc
    assert stamps.nginx_error("2026/11/23 07:53:05", offset=-8 * 3600) == utc + 8 * 3600
    assert stamps.iso("2026-11-23 07:53:05") == utc


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1795420362", 1795420362.0),
        ("1795420362.940", 1795420362.94),
        ("1795420362940", 1795420362.94),
        ("1795420362940000", 1795420362.94),
        ("1", None),
        ("", None),
    ],
)
def test_epoch_by_the_number_of_digits(text: str, at: float | None) -> None:
    assert stamps.epoch(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "32/Nov/2025:18:03:15 +0000",
        "02/Foo/2025:18:03:15 +0000",
        "02/Nov/2025:24:03:15 +0000",
        "02/Nov/2025:18:03:15",
        "0²/Nov/2025:18:03:15 +0000",
        "30/Feb/2025:18:03:15 +0000",
    ],
)
def test_what_is_no_stamp_is_none(text: str) -> None:
    assert stamps.clf(text) is None
    assert stamps.clf(text) is None  # from memory as well


@given(text=st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    for reader in (stamps.clf, stamps.iso, stamps.nginx_error, stamps.epoch):
        reader(text)


@given(text=st.text("0123456789-/:TZ+., ²", min_size=17, max_size=32))
def test_no_nearly_right_text_raises(text: str) -> None:
    for reader in (stamps.clf, stamps.iso, stamps.nginx_error, stamps.epoch):
        reader(text)
