"""The engine's log streams, cut anywhere: frames, lines in pieces, terminals, and bytes that are none of it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.sources.frames import MAX_LINE, Frames, GarbledError, Lines, LogLine, nanoseconds

STAMP = "2026-11-23T07:56:04.66137{:04d}Z "
FORMER = "2025-01-01T00:00:00.000000001Z "
PIECE = 16384
CUTS = st.lists(st.integers(1, 40), min_size=1, max_size=30)
# From a recorded run of nginx-proxy under forego: a colour's end stands before the next line's text.
RECORDED = [
    "2026-11-23T07:56:04.661373283Z \x1b[0;37;1mforego      | \x1b[0mstarting dockergen.1 on port 5000\n",
    '2026-11-23T07:56:04.661405311Z \x1b[0;33;1mnginx.1     | 2026/11/23 07:56:04 [notice] 15#15: using the "epoll" event method\n',
    "2026-11-23T07:56:04.661407074Z \x1b[0m\x1b[0;33;1mnginx.1     | 2026/11/23 07:56:04 [notice] 15#15: nginx/1.22.1\n",
]


def stamp(number: int) -> str:
    return STAMP.format(number)


def frame(channel: int, text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">BxxxL", channel, len(data)) + data


def as_the_engine_sends(channel: int, number: int, text: str) -> bytes:
    """A line as frames: in pieces of 16 KiB, each with the line's stamp."""
    pieces = [f"{text}\n"[at : at + PIECE] for at in range(0, len(text) + 1, PIECE)]
    return b"".join(frame(channel, stamp(number) + piece) for piece in pieces)


def fed(lines: Lines, data: bytes, cuts: list[int]) -> list[LogLine]:
    found: list[LogLine] = []
    at = turn = 0
    while at < len(data):
        step = cuts[turn % len(cuts)] * (1 if len(data) < 4000 else 997)
        found += lines.feed(data[at : at + step])
        at, turn = at + step, turn + 1
    return found


def shown(lines: list[LogLine]) -> list[tuple[int, str]]:
    return [(line.channel, line.raw.decode()) for line in lines]


@given(cuts=CUTS)
def test_a_recorded_stream_gives_its_lines_wherever_it_is_cut(cuts: list[int]) -> None:
    data = b"".join(frame(1, line) for line in RECORDED)
    assert shown(fed(Lines(raw=False), data, cuts)) == [(1, line) for line in RECORDED]


@given(
    lines=st.lists(st.tuples(st.sampled_from([1, 2]), st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30)), max_size=12),
    cuts=CUTS,
)
def test_frames_cut_anywhere_give_the_same_lines(lines: list[tuple[int, str]], cuts: list[int]) -> None:
    data = b"".join(as_the_engine_sends(channel, number, text) for number, (channel, text) in enumerate(lines))
    expected = [(channel, f"{stamp(number)}{text}\n") for number, (channel, text) in enumerate(lines)]
    assert shown(fed(Lines(raw=False), data, cuts)) == expected


@given(lines=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30), max_size=12), cuts=CUTS)
def test_a_terminals_stream_cut_anywhere_gives_the_same_lines(lines: list[str], cuts: list[int]) -> None:
    data = "".join(f"{stamp(number)}{text}\r\n" for number, text in enumerate(lines)).encode()
    assert shown(fed(Lines(raw=True), data, cuts)) == [(1, f"{stamp(number)}{text}\n") for number, text in enumerate(lines)]


@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 40_000])
@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_long_line_is_joined_and_its_stamp_stands_once(length: int, cut: int) -> None:
    text = "x" * length
    data = as_the_engine_sends(1, 1, text) + as_the_engine_sends(1, 2, "next")
    assert shown(fed(Lines(raw=False), data, [cut])) == [(1, f"{stamp(1)}{text}\n"), (1, f"{stamp(2)}next\n")]
    pieces = [text[at : at + PIECE] for at in range(0, length, PIECE)]
    terminal = "".join(stamp(1) + piece for piece in pieces) + "\r\n" + stamp(2) + "next\r\n"
    assert shown(fed(Lines(raw=True), terminal.encode(), [cut])) == [(1, f"{stamp(1)}{text}\n"), (1, f"{stamp(2)}next\n")]


def test_pieces_of_two_channels_may_alternate() -> None:
    long = frame(1, stamp(1) + "o" * PIECE)
    data = long + frame(2, f"{stamp(2)}error\n") + frame(1, f"{stamp(1)}end\n")
    assert shown(Lines(raw=False).feed(data)) == [(2, f"{stamp(2)}error\n"), (1, f"{stamp(1)}{'o' * PIECE}end\n")]


def test_a_line_without_an_end_is_a_line_when_another_run_begins_or_none_will() -> None:
    lines = Lines(raw=False)
    two_runs = frame(1, f"{stamp(1)}prompt> ") + frame(1, f"{stamp(2)}again\n")
    assert shown(lines.feed(two_runs)) == [(1, f"{stamp(1)}prompt> \n"), (1, f"{stamp(2)}again\n")]
    assert lines.feed(frame(1, f"{stamp(3)}last words")) == []
    assert lines.oldest_open() == nanoseconds(stamp(3).encode())
    assert shown(lines.finish()) == [(1, f"{stamp(3)}last words\n")]
    assert lines.finish() == []


def test_a_terminals_last_words_are_not_glued_to_the_next_run() -> None:
    data = f"{stamp(1)}prompt> {stamp(2)}again\r\n{stamp(3)}I said {FORMER}so\r\n".encode()
    assert shown(Lines(raw=True).feed(data)) == [
        (1, f"{stamp(1)}prompt> \n"),
        (1, f"{stamp(2)}again\n"),
        (1, f"{stamp(3)}I said {FORMER}so\n"),  # a stamp that a program wrote itself is older than the engine's
    ]


def test_a_line_without_an_end_is_cut_and_the_next_one_is_whole() -> None:
    pieces = b"".join(frame(1, stamp(1) + "x" * PIECE) for _ in range(80))
    lines = Lines(raw=False).feed(pieces + frame(1, f"{stamp(1)}end\n") + frame(1, f"{stamp(2)}next\n"))
    assert [len(line.raw) for line in lines] == [MAX_LINE + 1, len(f"{stamp(2)}next\n")]
    terminal = Lines(raw=True)
    found = [line for _ in range(20) for line in terminal.feed(b"x" * 100_000)] + terminal.feed(f"\r\n{stamp(2)}next\r\n".encode())
    assert [len(line.raw) for line in found] == [MAX_LINE + 1, len(f"{stamp(2)}next\n")]


def test_what_the_engine_says_itself_has_no_stamp() -> None:
    assert Lines(raw=False).feed(frame(3, "Error grabbing logs: unexpected EOF\n")) == [LogLine(None, 3, b"Error grabbing logs: unexpected EOF\n")]


@pytest.mark.parametrize("data", [b"<html><body>", b"\x09\0\0\0\0\0\0\1x", b"\x01\1\0\0\0\0\0\1x"])
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(GarbledError):
        Frames().feed(data)


def test_a_frame_that_claims_to_be_huge_is_not_kept() -> None:
    frames = Frames(limit=10)
    assert frames.feed(struct.pack(">BxxxL", 1, 1000) + b"y" * 999) == []
    assert frames.feed(b"y" + frame(2, "z")) == [(1, b"y" * 10), (2, b"z")]


@given(data=st.binary(max_size=300), raw=st.booleans())
def test_no_bytes_do_harm(data: bytes, raw: bool) -> None:
    lines = Lines(raw=raw)
    try:
        lines.feed(data)
    except GarbledError:
        return
    lines.finish()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (b"1970-01-01T00:00:01.000000002Z x", 1_000_000_002),
        (b"1970-01-01T01:00:01.5+01:00 x", 1_500_000_000),
        (b"1970-01-01T00:00:01Z x", 1_000_000_000),
        (b"1970-13-01T00:00:01Z x", None),
        (b"hello", None),
    ],
)
def test_stamps_are_read_to_the_nanosecond(text: bytes, at: int | None) -> None:
    assert nanoseconds(text) == at
