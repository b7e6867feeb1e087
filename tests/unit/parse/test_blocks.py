"""The reader of blocks: nothing that it hands over may depend on how the input was cut."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.parse.formats import CANDIDATES, FORMATS, REDACTOR

from connwatch.model.record import Request, Trouble, Unparsed
from connwatch.parse.blocks import LONGEST_LINE, BlockReader

HEAD = "mcp.example.com 172.20.0.5 - - [02/Nov/2025:18:03:15 +0000]"
MCP = f'{HEAD} "POST /mcp HTTP/1.1" 401 85 "-" "Claude-User/1.0" "172.20.0.4:8080"'
ORDINARY = 'www.example.com 10.0.0.1 - alice [02/Nov/2025:18:03:15 +0000] "GET /index.html HTTP/1.1" 200 8511 "-" "Mozilla/5.0" "172.20.0.9:80"'
CONSENT = f'{HEAD} "GET /consent?txn=GElC4g9V05vTCuPr6ITdqA HTTP/1.1" 200 190 "-" "Mozilla/5.0" "172.20.0.4:8080"'
ELSEWHERE = f'{HEAD} "POST /odd/endpoint HTTP/1.1" 200 9 "-" "Claude-User/1.0" "172.20.0.4:8080"'
REFUSED = (
    "2025/11/02 18:03:15 [error] 42#42: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 172.20.0.5, "
    'server: mcp.example.com, request: "POST /mcp HTTP/1.1", upstream: "http://172.20.0.6:8080/mcp", host: "mcp.example.com"'
)
COLOURED = "\x1b[0m\x1b[0;33;1mnginx.1     | \x1b[0m"


def reader(form: str = "nginx-proxy", learn: str | None = None) -> BlockReader:
    def learnt(request: Request) -> str | None:
        return learn if request.path == "/mcp" else None

    return BlockReader("nginx", form, FORMATS, REDACTOR, lambda before: CANDIDATES, learnt)


def read(blocks: Iterable[bytes], form: str = "nginx-proxy", learn: str | None = None) -> tuple[object, ...]:
    """Everything that can be seen of a reader after these blocks."""
    under_test = reader(form, learn)
    records = [record for block in blocks for record in under_test.records(block, 1.0)]
    records += under_test.finish()
    return records, under_test.lines, under_test.unparsed, under_test.oversized, under_test.samples, under_test.format


def records_of(text: str, form: str = "nginx-proxy", learn: str | None = None) -> list[object]:
    return list(read([text.encode()], form, learn)[0])  # type: ignore[call-overload]


def test_ordinary_lines_are_counted_and_candidates_become_requests() -> None:
    under_test = reader()
    found = list(under_test.records(f"{ORDINARY}\n{MCP}\n{ORDINARY}\n{CONSENT}\n{ORDINARY}\n".encode()))
    assert [(record.line, record.path, record.status) for record in found if isinstance(record, Request)] == [(2, "/mcp", 401), (4, "/consent", 200)]
    assert (under_test.lines, under_test.unparsed, under_test.oversized) == (5, 0, 0)


def test_error_lines_come_out_without_being_candidates() -> None:
    refused = REFUSED.replace("/mcp", "/elsewhere")
    (record,) = records_of(f"{ORDINARY}\n{refused}\n{ORDINARY}\n")
    assert isinstance(record, Trouble)
    assert (record.line, record.cause, record.path) == (2, "connect-refused", "/elsewhere")


def test_a_line_of_no_format_is_counted_and_sampled_once_each() -> None:
    under_test = reader()
    lines = [ORDINARY, "what is this?", MCP.replace(" 401", " 4o1"), ORDINARY]
    assert not list(under_test.records(("\n".join(lines) + "\n").encode()))
    assert (under_test.lines, under_test.unparsed) == (4, 2)
    assert [(sample.line, sample.text[:13]) for sample in under_test.samples] == [(2, "what is this?"), (3, "mcp.example.c")]
    assert "$status" in under_test.samples[1].reason


def test_at_most_twenty_samples_are_kept() -> None:
    under_test = reader()
    list(under_test.records(b"?\n" * 100))
    assert (under_test.unparsed, len(under_test.samples)) == (100, 20)


def test_a_path_learnt_from_a_request_counts_from_the_next_line_on() -> None:
    text = "\n".join([ELSEWHERE, MCP, ELSEWHERE, ORDINARY, ELSEWHERE.replace("endpoint ", "endpoints ")])
    assert [record.line for record in records_of(text, learn="/odd/endpoint") if isinstance(record, Request)] == [2, 3]
    assert [record.line for record in records_of(text) if isinstance(record, Request)] == [2]


def test_paths_learnt_are_bounded_and_digests_cannot_be_learnt() -> None:
    under_test = reader()
    for number in range(1000):
        under_test.watch(f"/{number}")
    under_test.watch("/#0123456789abcdef")
    lines = "".join(ELSEWHERE.replace("/odd/endpoint", f"/{number}") + "\n" for number in range(100))
    assert len(list(under_test.records(lines.encode()))) == 64


def test_a_line_that_is_too_long_is_passed_over_and_costs_no_other() -> None:
    for length in (LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 3 * LONGEST_LINE):
        under_test = reader()
        found = list(under_test.records(f"{MCP}\n{'x' * length}\n{MCP}\n".encode()))
        assert [record.line for record in found if isinstance(record, Request)] == [1, 3]
        assert under_test.lines == 3
        assert (under_test.oversized, under_test.unparsed) == ((1, 0) if length > LONGEST_LINE else (0, 1))


def test_ten_mebibytes_without_a_newline_are_not_kept() -> None:
    under_test = reader()
    for _ in range(160):
        assert not list(under_test.records(b"x" * 65536))
        assert len(under_test._rest) <= LONGEST_LINE
    assert [record.line for record in under_test.records(b"\n" + MCP.encode() + b"\n") if isinstance(record, Request)] == [2]


@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_line_endings(ending: str) -> None:
    (record,) = records_of(MCP + ending)
    assert isinstance(record, Request)
    assert record.upstream == "172.20.0.4:8080"


def test_a_format_without_a_request_line_is_read_line_by_line() -> None:
    formats = {"bare": {"log_format": "$time_iso8601\t$request_method\t$uri\t$status\t$host"}}
    under_test = BlockReader("nginx", "bare", formats, REDACTOR, lambda before: CANDIDATES, lambda request: None)
    line = "2025-11-02T18:03:15+00:00\tGET\t{}\t200\tmcp.example.com\n"
    found = list(under_test.records((line.format("/index.html") + line.format("/mcp")).encode()))
    assert [(record.line, record.method, record.path, record.host) for record in found if isinstance(record, Request)] == [
        (2, "GET", "/mcp", "mcp.example.com")
    ]


# Pieces of logs as they meet in life, and junk that looks nearly like them.
PIECES = st.sampled_from(
    [
        MCP, ORDINARY, CONSENT, ELSEWHERE, REFUSED, COLOURED + MCP, "nginx.1     | " + REFUSED, COLOURED + ORDINARY,
        "2025-11-02T18:03:15.123456789Z " + MCP, "2025-11-02T18:03:15.123456789Z " + ORDINARY, "forego      | starting nginx.1 on port 5100",
        "dockergen.1 | 2025/11/02 22:44:50 Received event start for container 0123456789ab", "", "   ", "\x1b[0m", "\x00\x00", '"" "" ""',
        MCP[:60], MCP[60:], ORDINARY[:70], ORDINARY[70:], MCP.replace("/mcp", "\\x22/mcp"), "POST /mcp", ' "GET /mcp',
        ('{"time_local":"2026-11-23T07:52:42+00:00","client_ip":"","remote_addr":"10.0.1.2","request":"POST /mcp HTTP/1.1","status":"401",'
        '"body_bytes_sent":"74","request_time":"0.002","upstream_response_time":"0.003","upstream_addr":"127.0.0.1:8801","http_referrer":"",'
        '"http_user_agent":"node","request_id":"9b736a9c6008a1bd234d5053a2ecc6eb"}'),
        '192.0.2.7 - - [02/Nov/2025:10:03:15 -0800] "GET /mcp HTTP/1.1" 200 214 "-" "python-httpx/0.28.1"',
        "\x1b[0m" + ORDINARY, '192.0.2.7 - - [02/Nov/2025:10:03:15 -0800] "GET / HTTP/1.1" 200 214 "-" "curl/8.7.1"',
        '2025-11-02T18:03:15.123456789Z 192.0.2.7 - - [02/Nov/2025:10:03:15 -0800] "GET / HTTP/1.1" 200 214 "-" "curl/8.7.1"',
        "2025-11-02T18:03:15.123456789Z 192.0.2.7 - - [02/Nov/2025:10:03:15 -0800] \"GET /mcp HTTP/1.1\" 200 214 \"-\" \"python-httpx/0.28.1\"",
    ]
)  # fmt: skip
STREAMS = st.lists(st.one_of(PIECES, PIECES, PIECES, st.text(max_size=30)), max_size=90).flatmap(
    lambda pieces: st.sampled_from(["\n", "\r\n"]).map(lambda ending: (ending.join(pieces) + ending).encode("utf-8", "surrogatepass"))
)
RAW = st.one_of(STREAMS, STREAMS, st.binary(max_size=400))


@settings(max_examples=120, deadline=None)
@given(data=RAW, form=st.sampled_from(["nginx-proxy", "auto", "combined", "nginx-error"]), cuts=st.lists(st.integers(0, 4000), max_size=6))
def test_whole_input_is_line_by_line_is_any_cut(data: bytes, form: str, cuts: list[int]) -> None:
    whole = read([data], form, "/odd/endpoint")
    assert read(data.splitlines(keepends=True) if b"\r" not in data else re.findall(rb"[^\n]*\n|[^\n]+", data), form, "/odd/endpoint") == whole
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert read([data[begin:end] for begin, end in itertools.pairwise(edges)], form, "/odd/endpoint") == whole


@settings(max_examples=25, deadline=None)
@given(data=RAW, form=st.sampled_from(["nginx-proxy", "auto"]))
def test_byte_by_byte_is_whole(data: bytes, form: str) -> None:
    assert read([data[index : index + 1] for index in range(len(data))], form, "/odd/endpoint") == read([data], form, "/odd/endpoint")


@settings(max_examples=60, deadline=None)
@given(data=RAW)
def test_every_line_is_counted_exactly_once(data: bytes) -> None:
    _, lines, _, _, _, _ = read([data])
    assert lines == data.count(b"\n") + (not data.endswith(b"\n") and len(data) > 0)


def test_unparsed_lines_are_not_yielded() -> None:
    assert not [record for record in records_of("?\n" * 3) if isinstance(record, Unparsed)]


JSON = (
    '{"time_local":"2026-11-23T07:52:42+00:00","client_ip":"","remote_addr":"10.0.1.2","request":"GET /index.html HTTP/1.1","status":"200",'
    '"body_bytes_sent":"74","request_time":"0.002","upstream_response_time":"0.003","upstream_addr":"127.0.0.1:8801","http_referrer":"",'
    '"http_user_agent":"node","request_id":"9b736a9c6008a1bd234d5053a2ecc6eb"}'
)


@settings(max_examples=10, deadline=None)
@given(
    runs=st.lists(
        st.tuples(st.sampled_from([ORDINARY, MCP, JSON, JSON.replace("/index.html", "/mcp"), REFUSED, "?"]), st.integers(1, 90)), max_size=9
    ),
    size=st.integers(1, 5000),
)
def test_a_source_that_is_recognised_on_the_way_does_not_depend_on_cuts(runs: list[tuple[str, int]], size: int) -> None:
    data = "".join(f"{line}\n" * count for line, count in [(ORDINARY, 50), *runs]).encode()
    whole = read([data], "auto", "/odd/endpoint")
    assert read(data.splitlines(keepends=True), "auto", "/odd/endpoint") == whole
    assert read([data[at : at + size] for at in range(0, len(data), size)], "auto", "/odd/endpoint") == whole


def test_a_recognised_source_takes_up_a_new_format() -> None:
    under_test = reader("auto")
    text = "\n".join([*[ORDINARY] * 100, *[JSON.replace("/index.html", "/mcp")] * 200, *[JSON] * 100, ""])
    found = list(under_test.records(text.encode()))
    assert (len(found), under_test.format, under_test.lines, under_test.unparsed) == (200, "nginx-proxy-json", 400, 0)


def test_candidates_that_run_over_the_end_of_a_line_count_for_their_own_line_only() -> None:
    running = re.compile(rb' /(?:mcp |index[^"]*+"[^"]*+"[^"]*+" "Claude| HTTP[^@]*+@)')
    under_test = BlockReader("nginx", "nginx-proxy", FORMATS, REDACTOR, lambda before: running, lambda request: None)
    broken = ORDINARY[: ORDINARY.index(" HTTP")]
    text = f"{broken}\n{MCP}\n{ORDINARY}\n"
    assert [record.line for record in under_test.records(text.encode()) if isinstance(record, Request)] == [2]
    assert (under_test.lines, under_test.unparsed) == (3, 1)


def test_an_input_that_ends_within_a_line_that_is_too_long() -> None:
    under_test = reader()
    list(under_test.records(b"x" * (LONGEST_LINE + 1)))
    assert not list(under_test.finish())
    assert (under_test.lines, under_test.oversized) == (1, 1)
    assert [record.line for record in under_test.records(MCP.encode() + b"\n") if isinstance(record, Request)] == [2]


def test_a_path_is_watched_once() -> None:
    under_test = reader()
    assert under_test.watch("/odd/endpoint")
    assert not under_test.watch("/odd/endpoint")
    assert not under_test.watch("relative")
