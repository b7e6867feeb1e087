"""Any `log_format`: compiled, matched, and told where a line leaves it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.parse.formats import REDACTOR

from connwatch.model.errors import ConfigError
from connwatch.model.line import Line
from connwatch.model.record import Record, Request, Unparsed
from connwatch.parse.logformat import compile_format
from connwatch.parse.registry import make_parser
from connwatch.parse.variables import challenge_meaning

SECOND = 1762106595.0


def parsed(log_format: str, text: str, seen_at: float | None = None, **table: str) -> Record:
    parser = make_parser("mine", {"mine": {"log_format": log_format, **table}}, REDACTOR)
    (record,) = parser.parse(Line("nginx", 7, text, seen_at))
    return record


def request(log_format: str, text: str, seen_at: float | None = None, **table: str) -> Request:
    record = parsed(log_format, text, seen_at, **table)
    assert isinstance(record, Request), record
    return record


def test_every_place_of_a_request_is_filled() -> None:
    found = request(
        '$host $remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr" $request_time',
        'mcp.example.com 192.0.2.1 [02/Nov/2025:18:03:15 +0000] "POST /mcp?sessionId=abcd HTTP/2.0" 202 12 '
        '"https://client.example/start?state=xyz" "node" "10.0.0.2:8080" 1.250',
    )
    assert (found.host, found.address, found.at, found.coarse) == ("mcp.example.com", "192.0.2.1", SECOND, True)
    assert (found.method, found.path, found.status, found.size, found.duration) == ("POST", "/mcp", 202, 12, 1.25)
    assert found.params == {"sessionId": REDACTOR.digest("abcd")}
    assert found.keys == [("session", REDACTOR.digest("abcd")), ("state", REDACTOR.digest("xyz"))]
    assert (found.referer, found.referer_params) == ("https://client.example/start", {"state": REDACTOR.digest("xyz")})
    assert (found.agent, found.upstream, found.line, found.source, found.format) == ("node", "10.0.0.2:8080", 7, "nginx", "mine")


def test_what_only_a_rich_format_knows() -> None:
    found = request(
        '$msec $connection "$request" $status "$http_mcp_session_id" "$sent_http_mcp_session_id" "$http_mcp_method" "$http_mcp_protocol_version" '
        '"$sent_http_www_authenticate" "$http_authorization" "$http_cookie" "$http_origin" $request_id $ssl_protocol',
        '1762106595.125 77 "POST /mcp HTTP/1.1" 200 "-" "sess-1" "tools/list" "2026-07-28" "Bearer error=\\x22invalid_token\\x22" '
        '"Bearer tok-1" "a=b" "https://client.example/x?y" 9b736a9c6008a1bd TLSv1.3',
    )
    assert (found.at, found.coarse, found.authorization) == (1762106595.125, False, True)
    assert found.keys == [
        ("session", REDACTOR.digest("sess-1")),
        ("request_id", REDACTOR.digest("9b736a9c6008a1bd")),
        ("connection", REDACTOR.digest("nginx 77")),
        ("token", REDACTOR.digest("tok-1")),
    ]
    assert found.facts == {
        "session_new": "true",
        "cookie": "present",
        "mcp_method": "tools/list",
        "protocol_version": "2026-07-28",
        "www_authenticate": "bearer error=invalid_token",
        "origin": "https://client.example/x",
        "tls": "TLSv1.3",
    }


def test_an_absent_authorization_is_known_to_be_absent() -> None:
    assert request('"$request" $status "$http_authorization"', '"GET /mcp HTTP/1.1" 401 "-"').authorization is False
    assert request('"$request" $status', '"GET /mcp HTTP/1.1" 401').authorization is None


def test_a_tunnel_names_the_visitor() -> None:
    found = request(
        '$remote_addr "$http_cf_connecting_ip" "$http_x_forwarded_for" "$request" $status',
        '172.20.0.5 "-" "198.51.100.7, 10.0.0.1" "GET / HTTP/1.1" 200',
    )
    assert (found.address, found.facts["peer"]) == ("198.51.100.7", "172.20.0.5")


def test_the_request_in_parts() -> None:
    found = request("$request_method $scheme://$http_host$request_uri $status", "GET https://mcp.example.com:8443/mcp?code=abc 200")
    assert (found.method, found.host, found.path, found.params, found.status) == (
        "GET",
        "mcp.example.com",
        "/mcp",
        {"code": REDACTOR.digest("abc")},
        200,
    )
    found = request("$request_method $uri $args $status", "GET /mcp code=abc 200")
    assert (found.path, found.params) == ("/mcp", {"code": REDACTOR.digest("abc")})


def test_braces_quotes_and_escape_as_they_stand_in_nginx_conf() -> None:
    found = request(
        """escape=json '{"s":"${status}",' '"r":"$request","a":"$http_user_agent"}';""",
        '{"s":"200","r":"GET /mcp HTTP/1.1","a":"say \\"hi\\" \\u00e9"}',
    )
    assert (found.status, found.path, found.agent) == (200, "/mcp", 'say "hi" é')


def test_escapes_are_undone_only_inside_a_value() -> None:
    found = request('"$request" $status "$http_user_agent"', '"GET /a HTTP/1.1" 200 "x\\x22 500 \\x22y \\xC3\\xA9 \\x1B[31m"')
    assert (found.status, found.agent) == (200, 'x" 500 "y é \\x1b[31m')


def test_lists_of_upstreams_and_names_with_spaces() -> None:
    found = request(
        '$remote_user [$time_local] "$request" $status $upstream_addr $upstream_status',
        'a b [02/Nov/2025:18:03:15 +0000] "GET / HTTP/1.1" 502 a:80, b:80 : c:80 502, 502 : 200',
    )
    assert (found.upstream, found.facts["upstream_status"]) == ("a:80, b:80 : c:80", "502, 502 : 200")


@pytest.mark.parametrize("sent", ["\\x16\\x03\\x01", "", "-", "GET", "get / HTTP/1.1"])
def test_what_is_no_http_has_no_method(sent: str) -> None:
    assert request('"$request" $status', f'"{sent}" 400').method in ("", "GET")
    assert request('"$request" $status', f'"{sent}" 400').status == 400


@pytest.mark.parametrize(("target", "path"), [("http://proxy.test/mcp", "/mcp"), ("http://proxy.test", "/"), ("*", "*"), ("/a#b", "/a")])
def test_other_request_targets(target: str, path: str) -> None:
    assert request('"$request" $status', f'"GET {target} HTTP/1.1" 400').path == path


def test_when_a_request_ended() -> None:
    clf = '[$time_local] "$request" $status'
    line = '[02/Nov/2025:18:03:15 +0000] "GET / HTTP/1.1" 200'
    engine = "2025-11-02T18:03:15.120414272Z "
    assert (request(clf, line).at, request(clf, line).coarse) == (SECOND, True)
    assert (request(clf, engine + line).at, request(clf, engine + line).coarse) == (pytest.approx(SECOND + 0.120414272), False)
    # A stamp of the engine far from the line's own second: the line waited in a buffer, or the log was copied.
    assert request(clf, engine.replace("18:03", "18:04") + line).at == SECOND
    bare = request('"$request" $status', '"GET / HTTP/1.1" 200', seen_at=9.0)
    assert (bare.at, bare.coarse) == (9.0, False)
    assert request('"$request" $status', '"GET / HTTP/1.1" 200').at is None


def test_the_optional_tail_is_there_or_not() -> None:
    for tail, upstream in ((' "10.0.0.2:80"', "10.0.0.2:80"), ("", None)):
        assert request('"$request" $status', f'"GET / HTTP/1.1" 200{tail}', optional_tail=' "$upstream_addr"').upstream == upstream


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('192.0.2.1 "GET / HTTP/1.1" abc', "$status expected at column 28, after $request"),
        ('192.0.2.1 "GET / HTTP/1.1', "the text '\" ' expected at column 26, after $request"),
        ('192.0.2.1 "GET / HTTP/1.1" 200 more', "more text than the format has, from column 31"),
    ],
)
def test_where_a_line_leaves_the_format(text: str, reason: str) -> None:
    record = parsed('$remote_addr "$request" $status', text)
    assert isinstance(record, Unparsed)
    assert record.reason == reason


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"log_format": "no variable"}, "at least one"),
        ({"log_format": "$status", "escape": "html"}, "escape must be one of"),
        ({"log_format": 5}, "must be text"),
        ({"log_format": "$status", "error_log_zone": "CET"}, "error_log_zone"),
        ({"kind": "apache"}, "unknown kind"),
    ],
)
def test_a_wrong_table_is_said_to_be_wrong(table: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_parser("mine", {"mine": table}, REDACTOR)


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("-", "none"),
        ("", "none"),
        ("Bearer", "bearer"),
        ('Bearer realm="x", error="insufficient_scope", scope="a b"', "bearer error=insufficient_scope scope"),
        ('Bearer resource_metadata="https://x"', "bearer resource_metadata"),
        ("Basic realm=x", "basic"),
        ("<script>", "other"),
    ],
)
def test_a_challenge_is_reduced_to_its_meaning(header: str, meaning: str) -> None:
    assert challenge_meaning(header) == meaning


NAMES = st.sampled_from(
    [
        "host",
        "remote_addr",
        "remote_user",
        "time_local",
        "request",
        "status",
        "http_user_agent",
        "upstream_addr",
        "request_time",
        "foo",
        "request_uri",
    ]
)
LITERALS = st.sampled_from([" ", ' "', '" ', '" "', " [", "] ", "|", " - ", "", "\t", '","x":"'])


@settings(max_examples=150, deadline=2000)
@given(
    pieces=st.lists(st.tuples(LITERALS, NAMES), min_size=1, max_size=9),
    escape=st.sampled_from(["default", "json", "none"]),
    text=st.text('ab "[]-|\\,.:/', max_size=200),
)
def test_no_format_raises_or_hangs_on_any_text(pieces: list[tuple[str, str]], escape: str, text: str) -> None:
    log_format = "".join(f"{literal}${{{name}}}" for literal, name in pieces)
    compiled = compile_format(log_format, escape)
    for line in (text, text * 20, '" ' * 300, "a " * 300):
        if compiled.pattern.fullmatch(line) is None:
            assert compiled.failure(line)
        for shape in compiled.shapes:
            shape.findall(line.encode())
