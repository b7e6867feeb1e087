"""Docker's own log files: the lines come out as `docker logs -t` gives them, wherever the input is cut, and no object can break anything."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.parse.formats import CANDIDATES, FORMATS, REDACTOR

from connwatch.model.record import Request
from connwatch.parse.blocks import BlockReader
from connwatch.parse.docker_json import Unwrapper, unwrapped

STAMP = "2026-11-23T07:40:58.004942613Z"
MCP = 'mcp.example.com 172.20.0.5 - - [23/Nov/2026:07:40:58 +0000] "POST /mcp?a=1&b=<2> HTTP/1.1" 401 85 "-" "Claude-User/1.0" "172.20.0.4:8080"'
CAPTURES = Path(__file__).resolve().parents[2] / "data" / "captures"


def wrap(text: str, stream: str = "stdout", time: str = STAMP, **more: object) -> str:
    """One object, escaped as the engine escapes."""
    told = json.dumps({"log": text, "stream": stream, **more, "time": time}, ensure_ascii=False, separators=(",", ":"))
    for sign in "&<>":
        told = told.replace(sign, f"\\u{ord(sign):04x}")
    return told + "\n"


def lines_of(blocks: Iterable[bytes]) -> tuple[bytes, int]:
    """What comes out, and how many lines of the file it stands for."""
    one = Unwrapper()
    out = [piece for block in blocks for piece in one.feed(block)] + list(one.finish())
    text = b"".join(lines for _, lines in out)
    return text, sum(passed for passed, _ in out) + text.count(b"\n")


def seen(blocks: Iterable[bytes], form: str = "auto") -> tuple[object, ...]:
    reader = BlockReader("a", form, FORMATS, REDACTOR, lambda before: CANDIDATES, lambda request: None)
    records = [record for block in blocks for record in reader.records(block, 1.0)]
    records += reader.finish()
    return records, reader.lines, reader.unparsed, reader.oversized, reader.samples, reader.format


def test_the_usual_object_becomes_the_line_with_its_stamp() -> None:
    assert lines_of([wrap(f"{MCP}\n").encode() * 3])[0].decode() == f"{STAMP} {MCP}\n" * 3


@pytest.mark.parametrize(("time", "stamp"), [
    (STAMP, STAMP),
    ("2026-11-23T07:40:58.0049426Z", "2026-11-23T07:40:58.0049426Z"),
    ("2026-11-23T07:40:58.00494Z", "2026-11-23T07:40:58.004940000Z"),
    ("2026-11-23T07:40:58Z", "2026-11-23T07:40:58.000000000Z"),
    ("2026-11-23T08:40:58.5+01:00", "2026-11-23T08:40:58.500000000+01:00"),
])  # fmt: skip
def test_a_stamp_whose_zeros_were_cut_is_the_engines_all_the_same(time: str, stamp: str) -> None:
    assert lines_of([wrap("x\n").encode() + wrap("a\n", time=time).encode()])[0].decode() == f"{STAMP} x\n{stamp} a\n"
    assert unwrapped(wrap("a\n", time=time).rstrip()) == f"{stamp} a"


def test_the_pieces_of_a_long_line_are_one_line_with_the_first_stamp_and_the_last_number() -> None:
    text = wrap("a" * 16384) + wrap("said meanwhile\n", "stderr", "2026-11-23T07:41:00.5Z") + wrap("b" * 10 + "\n", time="2026-11-23T07:41:01Z")
    found, lines = lines_of([text.encode()])
    assert found.decode().split("\n") == ["2026-11-23T07:41:00.500000000Z said meanwhile", f"{STAMP} {'a' * 16384}{'b' * 10}", ""]
    assert lines == 3


def test_a_line_of_which_only_pieces_came_is_told_at_the_end() -> None:
    found, lines = lines_of([wrap("a" * 16384).encode() + wrap("b").encode()])
    assert found.decode() == f"{STAMP} {'a' * 16384}b\n"
    assert lines == 2


def test_labels_beside_the_text_do_not_hide_it() -> None:
    assert lines_of([wrap("a\n", attrs={"com.example": "1"}).encode()])[0].decode() == f"{STAMP} a\n"


def test_evidence_is_a_line_of_the_file() -> None:
    text = wrap("x" * 16384) + wrap("y\n") + wrap(f"{MCP}\n")
    (found,) = [record for record in seen([text.encode()])[0] if isinstance(record, Request)]  # type: ignore[attr-defined]
    assert (found.line, found.path, found.status) == (3, "/mcp", 401)


@pytest.mark.parametrize("name", ["ten/proxy.log", "ten/server.log", "mixed/proxy.log", "mixed/server.log"])
def test_a_capture_reads_the_same_wrapped_and_as_it_was(name: str) -> None:
    plain = (CAPTURES / name).read_text()
    wrapped = "".join(wrap(line.partition(" ")[2] + "\n", time=line.partition(" ")[0]) for line in plain.splitlines())
    assert seen([wrapped.encode()]) == seen([plain.encode()])


PLAIN = [f"{MCP}\n", "talk of an application\n", "", "\n", '{"log":"', '{"log":"a"}\n', '{"log":1,"stream":"stdout","time":"x"}\n', "half"]
TEXTS = st.one_of(st.sampled_from(PLAIN), st.text(max_size=30), st.text(max_size=20).map(lambda text: f"{text}\n"))
SHELL = b'{"log":"%s\\n","stream":"stdout","time":"2026-11-23T07:40:58Z"}\n'
HOSTILE = [SHELL % b"\\ud800", SHELL % b"\xff", b'{"log":' + b"[" * 5000 + b"\n", b'{"log":"' + b"9" * 5000 + b"\n", b"x" * 300_000 + b"\n"]
LINES = st.one_of(
    st.builds(wrap, TEXTS, st.sampled_from(["stdout", "stderr"]), st.sampled_from([STAMP, "2026-11-23T07:40:58Z", "yesterday"])).map(str.encode),
    st.sampled_from(PLAIN).map(str.encode),
    st.binary(max_size=40),
    st.sampled_from(HOSTILE),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=7), st.randoms())
def test_whole_or_line_by_line_or_byte_by_byte_or_cut_anywhere(lines: list[bytes], chance: random.Random) -> None:
    data = b"".join(lines)
    whole = seen([data])
    assert seen(data.splitlines(keepends=True)) == whole
    if len(data) < 2_000:
        assert seen(data[at : at + 1] for at in range(len(data))) == whole
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    assert seen(data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)) == whole
    assert whole[1] == data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


def test_in_one_go_or_line_by_line_the_same_bytes_come_out() -> None:
    chance = random.Random(7)
    texts = [f"{MCP}\n", 'a "quoted" & <b>\n', "tab\there\n", "back\\slash\n", "ünicode \u2028\n", "\n", "\x1b[31mred\n", "inner\nline\n"]
    for _ in range(60):
        data = "".join(
            wrap(chance.choice(texts), time=chance.choice([STAMP, "2026-11-23T07:40:58.1Z"])) for _ in range(chance.randint(1, 9))
        ).encode()
        assert lines_of([wrap("first\n").encode() + data]) == lines_of([wrap("first\n").encode(), *data.splitlines(keepends=True)])


def test_a_source_without_objects_is_left_alone_from_then_on() -> None:
    one = Unwrapper()
    list(one.feed(b"plain\n" * 64))
    assert one.plain
    assert list(one.feed(b"half")) == [(0, b"half")]


def test_an_object_that_stands_late_among_others_is_still_met() -> None:
    text = "not an object\n" * 63 + wrap("a\n")
    assert lines_of([text.encode()])[0].decode().endswith(f"{STAMP} a\n")


def test_secrets_inside_objects_are_redacted_like_any_others() -> None:
    line = f"{MCP.replace('/mcp?a=1&b=<2>', '/callback?x=1&code=very-secret-code-123&state=also-a-secret-456')}\n"
    for data in (wrap(line), wrap(line)[:-30] + "\n", wrap(line).replace('"stream"', '"streem"')):
        assert "secret" not in repr(seen([data.encode()]))
