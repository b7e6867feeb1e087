"""Whatever a log holds: nothing raises, nothing takes long, no line is lost uncounted, and nothing comes out that a terminal would obey.

A few rounds here; `make fuzz SECONDS=600` for as long as one likes.
"""

from __future__ import annotations

import itertools
import json
from functools import partial
from pathlib import Path

import pytest
from hypothesis import strategies as st

from connwatch.alerts.template import FIELDS, Template
from connwatch.diagnose.serial import attempt_detail
from connwatch.engine import Engine, EngineOptions
from connwatch.model.change import Change
from connwatch.model.errors import ConfigError
from connwatch.notify.targets import parse_targets
from connwatch.sources.frames import Frames, GarbledError, Lines
from support.fuzz import hostile, tried, within
from support.lines import proxy, server, story
from support.reading import DATA, EVERY
from support.said import catalogue

HERE = Path(__file__).resolve().parents[1]
TOO_LONG = 10.0  # seconds for some thousand bytes, on a machine that does other things too
SECRET = "hunter2Zq8rYwTn"
FORMATS = sorted(catalogue().formats)


def corpus() -> list[bytes]:
    """Lines of every format that is known: what the tests of parsers read, and the examples of the catalogue."""
    texts = [file.read_bytes() for file in DATA.iterdir()]
    texts += [proxy(story()), proxy(story(), stamps=False), server("0 [HTTP] POST /mcp auth=no", "1 [OAuth] Response: {", "1 }")]
    texts += [str(example.get("line", "")).encode() for table in catalogue().formats.values() for example in table.get("example", ())]
    texts += [
        (
            b"2026/11/23 08:00:00 [error] 31#31: *7 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.9, "
            b'server: mcp.example.org, request: "POST /mcp HTTP/1.1", upstream: "http://172.20.0.6:8080/mcp", host: "mcp.example.org"'
        ),
        b'{"m":"POST","u":"/mcp","s":401,"time":"2026-11-23T08:00:00Z","sid":"x"}',
        b'm=POST u="/mcp?state=x" s=401 time=2026-11-23T08:00:00Z',
    ]
    lines = sorted({line for text in texts for line in text.splitlines() if line})
    wrapped = [
        json.dumps({"log": line.decode("utf-8", "replace") + "\n", "stream": "stdout", "time": "2026-11-23T08:00:00.5Z"}) for line in lines[::7]
    ]
    return [*lines, *(line.encode() for line in wrapped)]


def engine_of(name: str) -> Engine:
    engine = Engine(catalogue(), EngineOptions(live=True, recording=True), key=b"tests")
    engine.open_source("log", name)
    return engine


def told(name: str, text: bytes, cuts: list[int]) -> tuple[Engine, list[Change]]:
    """Everything that an engine says of these bytes, fed in pieces."""
    engine, found = engine_of(name), []
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(places):
        engine.feed("log", text[start:end], 1_795_420_800.0)
        front = engine.frontier("log")
        if front is not None:
            found += engine.advance(front - 2.0)
    engine.taken()
    engine.end_source("log")
    found += engine.finish()
    return engine, found


def look(made: tuple[str, bytes, list[int]]) -> None:
    name, text, cuts = made
    engine, found = within(TOO_LONG, lambda: told(name, text, cuts))
    lines = text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    assert engine.stats().lines == lines
    said = "".join(json.dumps(attempt_detail(change.attempt), ensure_ascii=False) for change in found)
    said += "".join(sample.text for sample in engine.samples())
    assert said.isprintable()


@pytest.mark.timeout(7200)
def test_no_log_breaks_a_parser_or_the_engine() -> None:
    names = st.sampled_from([*FORMATS, "auto", "auto", "auto"])
    tried(st.tuples(names, hostile(corpus()), st.lists(st.integers(0, 5000), max_size=4)), look, 0.6)


@pytest.mark.parametrize("name", [*FORMATS, "auto"])
def test_a_long_line_of_one_thing_takes_no_long_time(name: str) -> None:
    real = [line for line in corpus() if b"HTTP/1" in line][:2]
    for what in (
        b'"',
        b"\\x22",
        b"\\",
        b"[",
        b"{",
        b'{"a":',
        b"a=",
        b'a="',
        b" ",
        b"code=",
        b"Bearer ",
        b"%3D",
        b"a-",
        b"/",
        b"a.",
        b"1:",
        b'\\"',
        b"=a&",
    ):
        for before in (b"", *real):
            within(TOO_LONG, partial(told, name, before + what * (60_000 // len(what)) + b"\n", []))


@pytest.mark.timeout(7200)
def test_no_stream_of_an_engine_breaks_what_takes_it_apart() -> None:
    stamp = b"2026-11-23T08:00:00.000000000Z "

    def frame(channel: int, text: bytes, size: int | None) -> bytes:
        return bytes([channel, 0, 0, 0]) + (len(text) if size is None else size).to_bytes(4, "big") + text

    frames = st.builds(
        frame, st.integers(0, 4), st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda raw: stamp + raw + b"\n")),
        st.one_of(st.none(), st.none(), st.integers(0, 2**32 - 1)),
    )  # fmt: skip

    def take(made: tuple[list[bytes], int, bool]) -> None:
        parts, step, raw = made
        data = b"".join(parts)
        reader = Lines(raw=raw)
        try:
            for at in range(0, len(data), step):
                reader.feed(data[at : at + step])
                Frames().feed(data[at : at + step])
            reader.finish()
        except GarbledError:
            return

    tried(st.tuples(st.lists(frames, max_size=8), st.integers(1, 50), st.booleans()), take, 0.1)


@pytest.mark.timeout(7200)
def test_no_file_of_targets_breaks_its_reader_or_is_shown_by_an_error() -> None:
    words = st.sampled_from(
        [
            "high",
            "low",
            "claude",
            "server:",
            "server:[",
            "server:*",
            "name:",
            "name:x",
            "recovery:off",
            "heartbeat",
            ",",
            "=",
            "://",
            "mailto://",
            "json://me:",
            SECRET,
            f"https://{SECRET}@x",
            " ",
            "\n",
            "#",
            "\x00",
            "\u2028",
            "é",
            "[::1",
            "%",
            "?to=",
        ]
    )

    def read(parts: list[str]) -> None:
        said = ""
        try:
            parse_targets("".join(parts), "targets")
        except ConfigError as error:
            said = f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"
        assert SECRET not in said

    tried(st.lists(st.one_of(words, st.text(max_size=6)), max_size=20), read, 0.1)


@pytest.mark.timeout(7200)
def test_no_template_breaks_its_reader_and_no_value_becomes_markup() -> None:
    words = st.sampled_from([*(f"{{{name}}}" for name in FIELDS), "**", "`", "{", "}", "\n", "\n\n", " ", "x", "<b>", "{nothing}", "{waterfall}\n"])
    value = st.one_of(
        st.text(max_size=20), st.sampled_from(["<script>alert(1)</script>", "**", "`", "```", "@all", "[x](javascript:y)", "", "{client}"])
    )

    def fill(made: tuple[list[str], str]) -> None:
        parts, text = made
        try:
            template = Template("".join(parts), "messages/x.md")
        except ConfigError:
            return
        worded = template.fill(dict.fromkeys(FIELDS, text))
        assert "<script" not in worded.html
        assert "\n" not in worded.title

    tried(st.tuples(st.lists(st.one_of(words, st.text(max_size=4)), max_size=15), value), fill, 0.1)


def test_what_is_tried_is_what_parsers_know() -> None:
    """Else nothing would be proved: most lines of the corpus are taken by some format."""
    lines = corpus()
    engine, _ = told("auto", b"\n".join(lines), [])
    assert len(lines) > 100
    assert engine.stats().unparsed < len(lines) / 2
    assert set(EVERY) & {"coda-mcp", "uvicorn", "node"} <= set(FORMATS) | {"node", "uvicorn"}
