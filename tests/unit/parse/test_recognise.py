"""Which format is this: told from lines alone, also where a stream mixes two."""

from __future__ import annotations

import pytest
from tests.unit.parse.formats import FORMATS, REDACTOR

from connwatch.model.line import Line
from connwatch.model.record import Request, Unparsed
from connwatch.parse.recognise import AutoParser, explain, recognise

DEFAULT = 'mcp.example.com 172.20.0.5 - - [02/Nov/2025:18:03:15 +0000] "POST /mcp HTTP/1.1" 401 85 "-" "node" "172.20.0.4:8080"'
COMBINED = '192.0.2.7 - - [02/Nov/2025:10:03:15 -0800] "GET /mcp HTTP/1.1" 200 214 "-" "python-httpx/0.28.1"'
NOTICE = '2026/11/23 07:53:05 [notice] 42#42: using the "epoll" event method'
UVICORN = 'INFO:     192.0.2.7:51234 - "POST /mcp HTTP/1.1" 401 Unauthorized'


@pytest.mark.parametrize(
    ("lines", "form"),
    [
        ([DEFAULT], "nginx-proxy"),
        ([COMBINED], "combined"),
        (["2025-11-02T18:03:15.123456789Z " + COMBINED], "combined"),
        ([NOTICE], "nginx-error"),
        (["forego      | starting nginx.1 on port 5100", *[f"nginx.1     | {NOTICE}"] * 8, f"nginx.1     | {DEFAULT}"], "nginx-proxy"),
        (["", "   ", DEFAULT], "nginx-proxy"),
        ([UVICORN] * 3, "uvicorn"),
        (["no log at all", "{", "\x00"], None),
        ([], None),
    ],
)
def test_the_format_of_a_source(lines: list[str], form: str | None) -> None:
    assert recognise(lines, FORMATS, REDACTOR) == form


def feed(lines: list[str]) -> tuple[AutoParser, list[tuple[int, str]]]:
    auto = AutoParser("auto", FORMATS, REDACTOR)
    records = [record for number, text in enumerate(lines, 1) for record in auto.parse(Line("s", number, text))]
    records += auto.flush()
    return auto, [(record.line, record.format) for record in records if isinstance(record, Request)]


def test_two_formats_in_one_stream_both_come_out() -> None:
    _, requests = feed([DEFAULT, COMBINED] * 60)
    assert requests == [(number, "nginx-proxy" if number % 2 else "combined") for number in range(1, 121)]


def test_a_source_that_changes_its_format_for_good_is_led_by_the_new_one() -> None:
    auto, requests = feed([COMBINED] * 100 + [DEFAULT] * 100)
    assert auto.leader == "nginx-proxy"
    assert [form for _, form in requests] == ["combined"] * 100 + ["nginx-proxy"] * 100


def test_what_nobody_takes_is_said_once_a_line() -> None:
    auto = AutoParser("auto", FORMATS, REDACTOR)
    for number in range(1, 100):
        (record,) = auto.parse(Line("s", number, "?"))
        assert isinstance(record, Unparsed)
    assert auto.leader is None


def test_an_operators_own_format_goes_first() -> None:
    formats = {
        **FORMATS,
        "mine": {"log_format": '$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$foo" "$bar"'},
    }
    assert recognise([DEFAULT], formats, REDACTOR) == "mine"
    assert recognise([DEFAULT], {**formats, "mine": {**formats["mine"], "auto": False}}, REDACTOR) == "nginx-proxy"


def test_explain_says_what_matched_and_why_the_others_did_not() -> None:
    told = {explanation.format: explanation for explanation in explain(DEFAULT, FORMATS, REDACTOR)}
    assert next(iter(told)) == "nginx-proxy"
    assert (told["nginx-proxy"].matched, told["nginx-proxy"].fields["path"], told["nginx-proxy"].fields["status"]) == (True, "/mcp", 401)
    assert (told["combined"].matched, told["combined"].reason) == (False, "the text ' - ' expected at column 16, after $remote_addr")
    assert "$msec" in told["nginx-proxy-rich"].reason or "'\" '" in told["nginx-proxy-rich"].reason
    assert set(told) == set(FORMATS)


def test_explain_of_a_line_that_nobody_knows() -> None:
    assert not any(explanation.matched for explanation in explain("what is this?", FORMATS, REDACTOR))


def test_a_flood_of_junk_is_tried_now_and_then_and_a_format_behind_it_still_found() -> None:
    auto, requests = feed(["?"] * 3000 + [DEFAULT] * 100)
    assert auto.leader == "nginx-proxy"
    assert len(requests) > 60
