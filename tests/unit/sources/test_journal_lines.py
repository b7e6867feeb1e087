"""What an entry of `journalctl -o json` becomes: lines with a stamp in front, as a container's log has them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.sources.journald import journal_lines
from connwatch.sources.stamped import stamp_of


def entry(message: Any) -> dict[str, Any]:
    return {"__REALTIME_TIMESTAMP": "1795420362940123", "__CURSOR": "s=1", "MESSAGE": message}


STAMP = b"2026-11-23T07:52:42.940123000Z "


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ("hello", [b"hello"]),
        ("two\nlines\n", [b"two", b"lines"]),
        ("", [b""]),
        ("caf\u00e9", ["caf\u00e9".encode()]),
        ([104, 105, 255], [b"hi\xff"]),
        (["first", [104, 105]], [b"first", b"hi"]),
        (42, [b"42"]),
    ],
)
def test_a_message_as_lines(message: Any, lines: list[bytes]) -> None:
    assert journal_lines(entry(message)) == [STAMP + line + b"\n" for line in lines]


def test_a_message_that_journalctl_left_out_is_no_line() -> None:
    assert journal_lines(entry(None)) is None


@given(st.one_of(st.text(), st.lists(st.integers(0, 255)), st.lists(st.text())))
def test_every_line_has_its_stamp_and_one_end(message: Any) -> None:
    for line in journal_lines(entry(message)) or []:
        assert stamp_of(line) == pytest.approx(1795420362.940123)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
