"""Structured logs: fields by a map, secrets by their digest, broken lines by their reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connwatch.model.errors import ConfigError
from connwatch.model.line import Line
from connwatch.model.record import Chatter, Detail, Request, Trouble, Unparsed
from connwatch.parse.fieldmap import compile_fields
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import make_parser
from connwatch.parse.units import duration_of, instant_of, whole_of
from support.reading import KEY, digest, of_type, read


def test_a_request_with_its_keys_and_without_its_secrets() -> None:
    line = json.dumps(
        {"time": "2026-11-23T07:52:48.5Z", "m": "get", "u": "https://mcp.example.com/cb?code=secret-code-1&state=s1", "s": 302, "sid": "sess-live-1"}
    )
    (request,) = of_type(read("mapped", line), Request)
    assert (request.method, request.path, request.status, request.host) == ("GET", "/cb", 302, "mcp.example.com")
    assert request.at == 1795420368.5
    assert set(request.keys) >= {("code", digest("secret-code-1")), ("state", digest("s1")), ("session", digest("sess-live-1"))}
    assert "secret-code" not in repr(request)
    assert "sess-live" not in repr(request)


def test_the_same_line_as_logfmt() -> None:
    (request,) = of_type(read("pairs", 'time=2026-11-23T07:52:48.5Z m=POST u="/mcp?x=\\"1\\"" s=401 sid=sess-live-1'), Request)
    assert (request.method, request.path, request.status, request.at) == ("POST", "/mcp", 401, 1795420368.5)


def test_lines_that_are_no_request() -> None:
    assert of_type(read("mapped", '{"level":"error","msg":"token=abcdefghijklmnop refused","time":1}'), Trouble)[0].text.startswith("token=#")
    assert of_type(read("mapped", '{"level":60,"msg":"fatal"}'), Trouble)
    assert of_type(read("mapped", '{"level":"info","msg":"session opened","sid":"sess-live-1"}'), Detail)[0].of is None
    assert of_type(read("mapped", '{"level":"info","msg":"listening"}'), Chatter)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"m":"POST","u":"/mcp","s":2', "a JSON object, cut or broken"),
        ("[" * 100_000, "no JSON object"),
        ('{"a":' * 100_000, "a JSON object"),
        ('{"s":' + "9" * 10_000 + "}", "a JSON object, cut or broken"),
        ("[1,2]", "no JSON object"),
        ("", "no JSON object"),
        ('{"other":1}', "its fields are not those of this format"),
    ],
)
def test_why_a_line_was_refused(line: str, reason: str) -> None:
    (refused,) = of_type(read("mapped", [line]), Unparsed)
    assert refused.reason.startswith(reason)
    assert len(refused.text) <= 300


def test_huge_numbers_are_no_times_sizes_or_statuses() -> None:
    (record,) = read("mapped", '{"m":"GET","u":"/","s":1e999,"time":' + "9" * 400 + ',"msg":"x"}')
    assert isinstance(record, Chatter)
    assert record.at is None


def test_headers_tell_whether_a_token_came() -> None:
    table: dict[str, Any] = {
        "kind": "json",
        "fields": {"method": "m", "target": "u", "status": "s", "authorization": "headers.authorization", "headers": "headers"},
    }

    def authorization(headers: object) -> bool | None:
        parser = make_parser("mine", {"mine": table}, Redactor(KEY))
        (request,) = parser.parse(Line("log", 1, json.dumps({"m": "GET", "u": "/", "s": 200, "headers": headers})))
        assert isinstance(request, Request)
        assert "live-token" not in repr(request)
        return request.authorization

    assert authorization({"Authorization": "Bearer live-token-123"}) is True
    assert authorization({"authorization": ["REDACTED"]}) is True
    assert authorization({"host": "x"}) is False
    assert authorization(None) is None


def test_a_query_of_its_own_field_and_a_flag_for_the_token() -> None:
    table: dict[str, Any] = {
        "kind": "json",
        "role": "proxy",
        "begins": True,
        "fields": {"method": "m", "path": "p", "query": "q", "authorization": "auth", "referer": "r", "host": "h"},
    }
    parser = make_parser("mine", {"mine": table}, Redactor(KEY))
    line = json.dumps(
        {"m": "GET", "p": "/authorize", "q": "?state=s-1", "auth": False, "r": "https://mcp.example.com/consent?txn=abcdefgh1", "h": "-"}
    )
    (request,) = parser.parse(Line("log", 1, line, seen_at=7.0))
    assert isinstance(request, Request)
    assert (request.path, request.authorization) == ("/authorize", False)
    assert request.keys == [("state", digest("s-1")), ("transaction", digest("abcdefgh1"))]
    assert (request.referer, request.referer_params) == ("https://mcp.example.com/consent", {"txn": digest("abcdefgh1")})
    assert (request.host, request.status, request.at, request.role) == (None, None, 7.0, "proxy")


def test_a_broken_absolute_target_has_no_host() -> None:
    (request,) = of_type(read("mapped", '{"m":"GET","u":"http://[x/a","s":400,"time":1}'), Request)
    assert request.host is None


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"fields": {"method": "m"}}, "formats.mine.fields"),
        ({"fields": {"method": "m", "target": "u", "staus": "s"}}, "formats.mine.fields.staus"),
        ({"fields": {"method": "m", "target": "u", "duration": {"from": "d", "unit": "weeks"}}}, "formats.mine.fields.duration"),
        ({"fields": {"method": "m", "target": 3}}, "formats.mine.fields.target"),
        ({"role": "moon", "fields": {"method": "m", "target": "u"}}, "formats.mine.role"),
        ({"fields": {"method": "m", "target": "u"}, "keys": {"sesion": "x"}}, "formats.mine.keys.sesion"),
        ({"fields": []}, "formats.mine.fields"),
        ({"feilds": {}}, "formats.mine.feilds"),
    ],
)
def test_a_wrong_map_says_where_and_what_to_do(table: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        compile_fields("mine", table)
    assert wrong.value.key == key


def test_a_misspelt_field_is_suggested() -> None:
    with pytest.raises(ConfigError, match="status"):
        compile_fields("mine", {"fields": {"method": "m", "target": "u", "staus": "s"}})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12ms", 0.012),
        ("1m2.5s", 62.5),
        ("830µs", 0.00083),
        ("0.5", 0.5),
        (3, 3.0),
        ("12 parsecs", None),
        (-1, None),
        (True, None),
        ("", None),
        ("1e400", None),
    ],
)
def test_durations(value: object, seconds: float | None) -> None:
    assert duration_of(value) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    "value",
    [1795420368.5, "1795420368.5", 1795420368500, 1795420368500000, 1795420368500000000, "2026-11-23T07:52:48.5Z", "2026-11-23 08:52:48.5+01:00"],
)
def test_instants(value: object) -> None:
    assert instant_of(value) == pytest.approx(1795420368.5)


def test_what_is_no_instant_or_count() -> None:
    assert instant_of(10**300) is None
    assert instant_of("yesterday") is None
    assert whole_of("12x") is None
    assert whole_of(-3) is None
    assert whole_of(10**400) is None
