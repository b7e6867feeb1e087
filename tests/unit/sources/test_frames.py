"""The engine's log streams, cut anywhere: frames, lines in pieces, terminals, and bytes that are none of it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.sources.frames import MAX_LINE, Frames, GarbledError, Lines, LogLine, Restart, nanoseconds

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


def when(number: int) -> int:
    at = nanoseconds(stamp(number).encode())
    assert at is not None
    return at


RESTARTED = Restart(when(10), when(20))
LAST_WORDS = f"{stamp(5)}prompt> {stamp(25)}again\r\n".encode()
APART = [(1, f"{stamp(5)}prompt> \n"), (1, f"{stamp(25)}again\n")]


@given(cuts=CUTS)
def test_a_terminals_last_words_are_not_glued_to_the_next_run(cuts: list[int]) -> None:
    data = LAST_WORDS + f"{stamp(30)}I said {FORMER}so\r\n".encode()
    assert shown(fed(Lines(raw=True, restart=RESTARTED), data, cuts)) == [
        *APART,
        (1, f"{stamp(30)}I said {FORMER}so\n"),  # a stamp that a program wrote itself is older than the engine's
    ]


def test_an_engine_that_notes_a_start_after_the_first_line_has_it_split_all_the_same() -> None:
    lines = Lines(raw=True, restart=Restart(when(10), when(26)))
    assert shown(lines.feed(LAST_WORDS + f"{stamp(30)}next\r\n".encode())) == [*APART, (1, f"{stamp(30)}next\n")]


def test_where_nothing_follows_the_newest_stamp_says_whether_a_line_is_two() -> None:
    """It is the engine's own answer, so that nobody can have written it into a line beforehand."""
    lines = Lines(raw=True, restart=RESTARTED)
    assert lines.feed(LAST_WORDS) == [], "as long as a later line may show that it is one"
    assert lines.oldest_open() == when(5)
    assert lines.settle(when(40)) == [], "there is a later line"
    assert shown(lines.settle(when(25))) == APART
    assert lines.oldest_open() is None
    lines = Lines(raw=True, restart=RESTARTED)
    lines.feed(LAST_WORDS)
    assert shown(lines.settle(when(5))) == [(1, LAST_WORDS.decode().replace("\r", ""))], "the whole of it is the newest line"
    assert lines.settle(when(5)) == []


@pytest.mark.parametrize("restart", [None, RESTARTED, Restart(when(1), when(2))])
def test_the_newest_stamp_inside_a_line_is_the_beginning_of_one_whenever_a_run_ended(restart: Restart | None) -> None:
    assert shown(Lines(raw=True, restart=restart, newest=when(25)).feed(LAST_WORDS)) == APART
    lines = Lines(raw=True, restart=restart, newest=when(25))
    assert lines.feed(LAST_WORDS.removesuffix(b"\r\n")) == []
    assert shown(lines.finish()) == APART


@pytest.mark.parametrize(
    ("inside", "restart", "following"),
    [
        pytest.param("2099-01-01T00:00:00.000000000Z ", RESTARTED, 30, id="newer than the line after it"),
        pytest.param("2099-01-01T00:00:00.000000000Z ", RESTARTED, None, id="newer than the last line"),
        pytest.param(stamp(25), None, 30, id="no restart is known"),
        pytest.param(stamp(25), Restart(when(1), when(2)), 30, id="no restart between the two stamps, but before"),
        pytest.param(stamp(8), RESTARTED, 30, id="no restart between the two stamps, but after"),
        pytest.param(stamp(25), RESTARTED, 6, id="the line after it is of the same run"),
        pytest.param(stamp(25).replace("Z", "9Z"), RESTARTED, 30, id="not as the engine writes it"),
    ],
)
def test_what_stands_in_a_terminals_line_is_no_line(inside: str, restart: Restart | None, following: int | None) -> None:
    """Anybody can write a stamp into a header that is logged."""
    forged = f'{stamp(5)}192.0.2.7 - - "GET / HTTP/1.1" 200 5 "-" "{inside}198.51.100.9 - - [...] "POST /token HTTP/1.1" 200 5 "-" "-""'
    after = [] if following is None else [f"{stamp(following)}next"]
    lines = Lines(raw=True, restart=restart)
    found = lines.feed("".join(f"{line}\r\n" for line in [forged, *after]).encode())
    assert shown([*found, *lines.settle(when(5))]) == [(1, f"{line}\n") for line in [forged, *after]]


def test_a_stamp_that_somebody_wrote_does_not_hide_where_the_run_ended() -> None:
    data = f"{stamp(5)}prompt> 2099-01-01T00:00:00.000000000Z {stamp(25)}again\r\n".encode()
    apart = [(1, f"{stamp(5)}prompt> 2099-01-01T00:00:00.000000000Z \n"), (1, f"{stamp(25)}again\n")]
    assert shown(Lines(raw=True, restart=RESTARTED).feed(data + f"{stamp(30)}next\r\n".encode())) == [*apart, (1, f"{stamp(30)}next\n")]
    assert shown(Lines(raw=True, restart=RESTARTED, newest=when(25)).feed(data)) == apart
    lines = Lines(raw=True, restart=RESTARTED)
    assert shown([*lines.feed(data), *lines.settle(when(25))]) == apart


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
    lines = Lines(raw=raw, restart=RESTARTED)
    try:
        lines.feed(data)
    except GarbledError:
        return
    lines.settle(when(5))
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
