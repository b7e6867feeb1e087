"""In which format a stream is read: as configured, else as it says of itself, else as it is recognised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connwatch.daemon.streams import Streams
from connwatch.engine import Engine, EngineOptions
from connwatch.sources.source import Batch
from connwatch.sources.stdin import StdinSource
from support.said import catalogue

#: Nobody recognises it: it has to be named.
OWN = {"log_format": "$status|$msec|$request|$host", "role": "proxy", "auto": False}
LINES = "".join(f"401|{1795420362 + second}.500|POST /mcp HTTP/1.1|mcp.example.org\n" for second in range(3)).encode()


class Told:
    """Streams of one source on a real engine."""

    def __init__(self, configured: str = "auto") -> None:
        shipped = catalogue()
        self.engine = Engine(replace(shipped, formats={**shipped.formats, "own": OWN}), EngineOptions(recording=True))
        self.source = StdinSource("app", format=configured)
        self.known: list[str] = []
        self.streams = Streams(self.engine, [self.source], self.known.append)
        self.streams.expect(self.source)

    def feed(self, data: bytes, says: str | None, stream: str = "app") -> None:
        self.streams.meet(self.source, Batch(stream, data, None, "live", format=says))
        self.engine.feed(stream, data)

    def read(self) -> dict[str, list[int]]:
        """The lines of each format that became requests."""
        found: dict[str, list[int]] = {}
        for taken in self.engine.taken():
            found.setdefault(taken.record.format, []).append(taken.record.line)
        return found


def test_what_a_stream_says_of_itself_is_its_format_where_the_configuration_says_none() -> None:
    told = Told()
    told.feed(LINES, None)
    assert told.read() == {}
    told.feed(LINES, "own")
    told.feed(LINES, None)
    told.feed(LINES, "own", "app/another")
    assert told.read() == {"own": [4, 5, 6, 7, 8, 9, 1, 2, 3]}
    assert told.engine.stats().sources["app"] == {"lines": 9, "unparsed": 3, "oversized": 0}


def test_the_configuration_wins() -> None:
    told = Told("coda-mcp")
    told.feed(LINES, "own")
    assert told.read() == {}
    assert told.engine.place("app").format == "coda-mcp"


def test_a_format_that_is_none_is_told_once_and_the_lines_are_recognised(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    told.feed(LINES, "own")
    for _ in range(2):
        told.feed(b"[HTTP] POST /mcp auth=yes\n", "coda-mpc")
    assert told.read() == {"own": [1, 2, 3], "coda-mcp": [4, 5]}
    (warning,) = told.source.status.warnings.values()
    assert warning.startswith("app is labelled with a format that cannot be used, so its lines are recognised: format: no format called 'coda-mpc'")
    assert [record.getMessage() for record in caplog.records] == [f"source app: {warning}"]
    told.feed(LINES, "own")
    assert told.source.status.warnings == {}


def test_what_was_open_in_the_format_before_is_not_lost() -> None:
    told = Told("auto")
    told.feed(b"[MCP] Request body: {\n  \"method\": 'initialize',\n", "coda-mcp")
    assert told.engine.place("app").lines == 2
    told.feed(LINES, "own")
    assert told.read()["own"] == [3, 4, 5]


def test_a_stream_that_says_only_how_it_is_has_spoken() -> None:
    """A quiet container gives neither lines nor a cursor; what the state keeps of it must not be forgotten."""
    told = Told()
    told.known.clear()
    told.streams.meet(told.source, Batch("app/quiet", b"", None, "live"))
    told.streams.meet(told.source, Batch("app/quiet", b"", None, "live"))
    told.streams.meet(told.source, Batch("app", b"", None, "ended"))
    assert set(told.known) == {"app/quiet"}
    assert len(told.known) > 1, "each time"

