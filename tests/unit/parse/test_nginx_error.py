"""Error lines and the talk of a proxy's container."""

from __future__ import annotations

import pytest
from tests.unit.parse.formats import FORMATS, REDACTOR

from connwatch.model.line import Line
from connwatch.model.record import Chatter, Record, Trouble, Unparsed
from connwatch.parse.registry import make_parser

ABOUT = (
    'client: 203.0.113.4, server: mcp.example.com, request: "GET /authorize?state=s3cr3t&scope=mcp HTTP/1.1", '
    'upstream: "http://172.20.0.6:8080/authorize?state=s3cr3t", host: "mcp.example.com:443", referrer: "https://c.example/?code=s3cr3t"'
)


def parsed(text: str, form: str = "nginx-proxy", **table: str) -> Record:
    parser = make_parser(form, {form: {**FORMATS[form], **table}}, REDACTOR)
    (record,) = parser.parse(Line("nginx", 3, text))
    return record


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("connect() failed (111: Connection refused) while connecting to upstream", "connect-refused"),
        ("connect() failed (113: No route to host) while connecting to upstream", "connect-refused"),
        ("no live upstreams while connecting to upstream", "no-live-upstreams"),
        ("upstream timed out (110: Connection timed out) while reading response header from upstream", "upstream-timeout"),
        ("upstream timed out (110: Connection timed out) while SSL handshaking to upstream", "upstream-timeout"),
        ("upstream prematurely closed connection while reading response header from upstream", "upstream-closed"),
        ("recv() failed (104: Connection reset by peer) while reading response header from upstream", "upstream-closed"),
        ("SSL_do_handshake() failed (SSL: error:0A000438:SSL routines::tlsv1 alert internal error) while SSL handshaking to upstream", "tls"),
        ("access forbidden by rule", "other"),
    ],
)
def test_what_nginx_says_has_a_cause(said: str, cause: str) -> None:
    record = parsed(f"2026/11/23 07:53:05 [error] 42#42: *1 {said}, {ABOUT}")
    assert isinstance(record, Trouble)
    assert record.cause == cause
    assert (record.method, record.path, record.host, record.address) == ("GET", "/authorize", "mcp.example.com", "203.0.113.4")
    assert record.params == {"state": REDACTOR.digest("s3cr3t"), "scope": "mcp"}
    assert (record.at, record.coarse) == (1795420385.0, True)
    assert said.split(" (", maxsplit=1)[0] in record.text
    assert "172.20.0.6" in record.text
    assert "s3cr3t" not in repr(record)


def test_a_client_that_left_is_worth_knowing_though_nginx_calls_it_info() -> None:
    said = "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too while reading upstream"
    record = parsed(f"2026/11/23 07:54:34 [info] 28427#28427: *43 {said}, {ABOUT}")
    assert isinstance(record, Trouble)
    assert record.cause == "client-closed"


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        ("2026/11/23 07:54:34 [info] 1#1: *9 client 10.0.0.1 closed keepalive connection", {}),
        ("2026/11/23 07:54:34 [warn] 1#1: *9 a client request body is buffered to a temporary file /x, " + ABOUT, {}),
        ("2026/11/23 07:54:34 [notice] 1#1: nginx/1.29.2", {"started": "nginx"}),
        ("2026/11/23 07:54:34 [notice] 1#1: signal 15 (SIGTERM) received from 9, exiting", {"stopped": "nginx"}),
        ("2026/11/23 07:54:34 [notice] 1#1: signal 1 (SIGHUP) received from 9, reconfiguring", {}),
        ("forego      | starting nginx.1 on port 5100", {"started": "nginx"}),
        ("\x1b[0;36;1mdockergen.1 | \x1b[0m2025/11/02 22:44:50 Generated '/etc/nginx/conf.d/default.conf' from 4 containers", {}),
        ("Info: running nginx-proxy version 1.9.0", {}),
        ("Setting up DH Parameters..", {}),
        ("", {}),
        ("\x1b[0m", {}),
    ],
)
def test_talk_is_recognised_and_about_nothing(line: str, facts: dict[str, str]) -> None:
    record = parsed(line)
    assert isinstance(record, Chatter)
    assert record.facts == facts


def test_the_engine_knows_the_time_better() -> None:
    record = parsed(f"2026-11-23T07:53:05.250000000Z nginx.1     | 2026/11/23 08:53:05 [error] 42#42: *1 no live upstreams, {ABOUT}")
    assert isinstance(record, Trouble)
    assert (record.at, record.coarse) == (1795420385.25, False)


def test_the_zone_of_the_error_log_can_be_given() -> None:
    record = parsed(f"2026/11/23 08:53:05 [error] 42#42: *1 no live upstreams, {ABOUT}", "nginx-error", error_log_zone="+01:00")
    assert isinstance(record, Trouble)
    assert record.at == 1795420385.0


@pytest.mark.parametrize("line", ["2026/11/23 07:53:05 no level", "2026/11/23 07:53:05 [shout] 1#1: x", "2026-11-23 07:53:05 [error] x", "hello"])
def test_the_rest_is_unparsed(line: str) -> None:
    assert isinstance(parsed(line, "nginx-error"), Unparsed)
    assert isinstance(parsed(line), Unparsed)
