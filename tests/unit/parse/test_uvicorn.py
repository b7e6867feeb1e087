"""uvicorn, the Python MCP SDK and rich's handler, as transcripts."""

from __future__ import annotations

import pytest

from connwatch.model.record import Chatter, Detail, Request, Trouble, Unparsed
from support.reading import DATA, digest, of_type, read

SESSION = "bb1cd8d1dbdc4b3789aba8cca999cc75"


def test_a_session_id_split_over_two_lines_is_one_key_of_its_request() -> None:
    records = read("uvicorn", (DATA / "uvicorn-rich.log").read_text())
    assert not of_type(records, Unparsed)
    opened = of_type(records, Detail)[0]
    assert opened.keys[0] == ("session", digest(SESSION))
    assert (opened.line, opened.end_line) == (14, 18)
    request = next(record for record in of_type(records, Request) if record.line == opened.of)
    assert (request.method, request.status, request.address) == ("POST", 200, "10.77.1.2")
    assert records.index(request) < records.index(opened), "a detail follows the request it is about"
    assert set(opened.keys) <= set(request.keys)
    assert request.facts == {"session_new": "yes", "valid_initialize": "yes"}


def test_an_unknown_session_explains_the_404_after_it() -> None:
    records = read("uvicorn", (DATA / "uvicorn-rich.log").read_text())
    troubles = of_type(records, Trouble)
    assert {trouble.cause for trouble in troubles} == {"session-unknown"}
    assert [trouble.method for trouble in troubles] == ["POST", "GET", "POST", "DELETE"]
    assert {trouble.path for trouble in troubles} == {"/mcp"}
    assert "deadbeef" not in repr(records)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ('INFO:     203.0.113.7:51234 - "POST /mcp HTTP/1.1" 202 Accepted', "203.0.113.7"),
        ('INFO:     2001:db8::7:0 - "POST /mcp HTTP/1.1" 202 Accepted', "2001:db8::7"),
        ('INFO:     [2001:db8::7]:51 - "POST /mcp HTTP/1.1" 202', "2001:db8::7"),
        ('\x1b[32mINFO\x1b[0m:     203.0.113.7:0 - "\x1b[1mPOST /mcp HTTP/1.1\x1b[0m" \x1b[32m202 Accepted\x1b[0m', "203.0.113.7"),
        ('2026-11-23 07:53:06,123 - uvicorn.access - INFO - 203.0.113.7:0 - "POST /mcp HTTP/1.1" 202', "203.0.113.7"),
        ('INFO:uvicorn.access:203.0.113.7:0 - "POST /mcp HTTP/1.1" 202', "203.0.113.7"),
        ('INFO:      - "POST /mcp HTTP/1.1" 202 Accepted', None),
    ],
)
def test_access_lines_in_the_shapes_that_are_met(text: str, address: str | None) -> None:
    (request,) = of_type(read("uvicorn", text), Request)
    assert (request.method, request.path, request.status, request.address) == ("POST", "/mcp", 202, address)


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ("2026-11-23T07:53:06.123Z ", (1795420386.123, False)),
        ("[2026-11-23T08:53:06.000+01:00] ", (1795420386.0, False)),
        ("2026-11-23 07:53:06 +0000 ", (1795420386.0, True)),
        ("2026-11-23 07:53:06,123 - uvicorn.access - ", (1795420400.0, False)),
        ("", (1795420400.0, False)),
    ],
)
def test_a_stamp_with_a_zone_says_when_it_was_and_one_without_may_be_any_clock(stamp: str, wanted: tuple[float, bool]) -> None:
    (request,) = of_type(read("uvicorn", f'{stamp}INFO:     10.0.0.1:0 - "POST /mcp HTTP/1.1" 202 Accepted', seen_at=1795420400.0), Request)
    assert (request.at, request.coarse) == wanted


def test_what_is_said_of_a_request_is_of_its_time() -> None:
    records = read(
        "uvicorn",
        """Bearer token resource 'https://other.example/mcp' is not resource_server_url https://mcp.example.com/mcp
2026-11-23T07:53:08.250Z INFO:     10.77.1.2:0 - "POST /mcp HTTP/1.1" 401 Unauthorized""",
    )
    assert [record.at for record in records] == [1795420388.25] * 2


def test_query_parameters_become_keys_as_the_proxy_gives_them() -> None:
    (request,) = of_type(
        read("uvicorn", 'INFO:     10.0.0.1:0 - "GET /authorize?state=s-1&code_challenge=c-1&client_id=me HTTP/1.1" 302 Found'), Request
    )
    assert dict(request.keys) == {"state": digest("s-1"), "challenge": digest("c-1"), "client_id": "me"}


def test_a_refused_audience_names_its_request() -> None:
    records = read(
        "uvicorn",
        """[11/23/26 07:53:08] WARNING  Bearer token resource             bearer_auth.py:75
                             'https://other.example/mcp' is                    
                             not resource_server_url                            
                             https://mcp.example.com/mcp                            
INFO:     10.77.1.2:0 - "POST /mcp HTTP/1.1" 401 Unauthorized""",  # noqa: W291
    )
    (trouble,) = of_type(records, Trouble)
    assert (trouble.cause, trouble.method, trouble.path, trouble.address) == ("token-audience", "POST", "/mcp", "10.77.1.2")
    assert (trouble.line, trouble.end_line) == (1, 4)
    assert of_type(records, Request)[0].facts == {"cause": "token-audience"}
    assert trouble.at == 1795420388.0, "the handler's own time, where the engine gives none"


@pytest.mark.parametrize(
    ("message", "status", "cause"),
    [
        ("Invalid Host header: mcp.example.com", 421, "host-rejected"),
        ("Invalid Origin header: https://evil.example", 403, "origin-rejected"),
        ("Session abcdefgh: credential does not match", 404, "token-rejected"),
    ],
)
def test_refusals_without_rich(message: str, status: int, cause: str) -> None:
    records = read("uvicorn", f'WARNING:mcp.server:{message}\nINFO:     10.0.0.1:0 - "POST /mcp HTTP/1.1" {status} X')
    (trouble,) = of_type(records, Trouble)
    assert (trouble.cause, trouble.path) == (cause, "/mcp")


def test_two_sessions_opened_at_once_are_not_guessed_apart() -> None:
    records = read(
        "uvicorn",
        """INFO:mcp:Created new transport with session ID: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
INFO:mcp:Created new transport with session ID: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
INFO:     10.0.0.1:0 - "POST /mcp HTTP/1.1" 200 OK
INFO:     10.0.0.2:0 - "POST /mcp HTTP/1.1" 200 OK""",
    )
    assert [detail.of for detail in of_type(records, Detail)] == [None, None]


def test_a_message_does_not_wait_for_a_request_of_later() -> None:
    records = read(
        "uvicorn",
        """2026-11-23T07:51:00.000000000Z INFO:mcp:Created new transport with session ID: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
2026-11-23T07:51:09.000000000Z INFO:     10.0.0.1:0 - "POST /mcp HTTP/1.1" 200 OK""",
    )
    assert [type(record).__name__ for record in records] == ["Detail", "Request"]
    assert of_type(records, Detail)[0].of is None


def test_a_traceback_is_one_record_and_its_last_line_names_it() -> None:
    records = read(
        "uvicorn",
        """ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/app/server.py", line 3, in handler
    raise ValueError("token=abcdefghijklmnop")

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/server.py", line 5, in handler
RuntimeError: no answer
INFO:     10.0.0.1:0 - "POST /mcp HTTP/1.1" 500 Internal Server Error""",
    )
    (trouble,) = of_type(records, Trouble)
    assert (trouble.line, trouble.end_line, trouble.text) == (1, 10, "RuntimeError: no answer")
    assert "abcdefghijklmnop" not in repr(records)


def test_greetings_and_other_servers_messages_are_chatter() -> None:
    records = read(
        "uvicorn", "╭──────────╮\n│  FastMCP │\n╰──────────╯\n[2026-11-23 07:53:06 +0000] [7] [INFO] Booting worker with pid: 7\n\nHello there"
    )
    assert [type(record).__name__ for record in records] == [*["Chatter"] * 5, "Unparsed"]


def test_start_and_stop_are_marks() -> None:
    records = read("uvicorn", "INFO:     Started server process [7]\nINFO:     Application startup complete.\nINFO:     Finished server process [7]")
    assert [record.facts for record in of_type(records, Chatter)] == [{"started": "yes"}, {}, {"stopped": "yes"}]
