"""Node servers' plain text: request lines, sessions, and objects that hold live tokens."""

from __future__ import annotations

import pytest

from connwatch.model.record import Detail, Request, Trouble, Unparsed
from support.reading import DATA, digest, of_type, read


def test_the_example_server_prints_tokens_and_none_comes_through() -> None:
    text = (DATA / "typescript-example.log").read_text()
    records = read("node", text)
    assert not of_type(records, Unparsed)
    token, session = "db04df68-f5a7-4c19-8fce-37d2a9531ffa", "7a74f1d5-c2bd-45c7-97cc-152ca2736288"
    assert token in text
    assert token not in repr(records)
    assert session not in repr(records)
    dumps = [record for record in of_type(records, Detail) if ("token", digest(token)) in record.keys]
    assert all(record.end_line - record.line == 19 for record in dumps[:2]), "twenty lines, one record"
    assert any(("session", digest(session)) in record.keys for record in of_type(records, Detail))


def test_the_first_body_tells_who_came_and_with_which_revision() -> None:
    records = read("node", (DATA / "typescript-example.log").read_text())
    assert of_type(records, Detail)[0].facts == {"mcp_method": "initialize", "protocol_version": "2025-11-25", "client_info": "simple-oauth-client"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("POST /mcp 401 12.345 ms - 222", ("POST", "/mcp", 401, 222, None)),
        ("::ffff:203.0.113.7 - POST /mcp HTTP/1.1 200 18 - 3.104 ms", ("POST", "/mcp", 200, 18, "203.0.113.7")),
        ("[rs] 203.0.113.7 POST /mcp 200 tools/list session=55a03e1d-4f88-46fe-a84b-1b5c43b8aacd", ("POST", "/mcp", 200, None, "203.0.113.7")),
        ("[2026-11-23T07:52:48.530Z] GET /health", ("GET", "/health", None, None, None)),
        ("2026-11-23T07:52:48.530Z - DELETE /mcp", ("DELETE", "/mcp", None, None, None)),
    ],
)
def test_request_lines_as_people_print_them(text: str, wanted: tuple[object, ...]) -> None:
    (request,) = of_type(read("node", text), Request)
    assert (request.method, request.path, request.status, request.size, request.address) == wanted


def test_a_request_line_may_name_method_and_session() -> None:
    (request,) = of_type(read("node", "[rs] 203.0.113.7 POST /mcp 200 tools/list session=55a03e1d-4f88-46fe-a84b-1b5c43b8aacd"), Request)
    assert request.facts == {"mcp_method": "tools/list"}
    assert ("session", digest("55a03e1d-4f88-46fe-a84b-1b5c43b8aacd")) in request.keys


@pytest.mark.parametrize("text", ["POSTing to /mcp now", "GET rich quick", "GET /a whole sentence that begins with a verb"])
def test_sentences_are_not_requests(text: str) -> None:
    assert not of_type(read("node", text), Request)


def test_a_session_that_ends() -> None:
    (detail,) = of_type(read("node", "Transport closed for session 55a03e1d-4f88-46fe-a84b-1b5c43b8aacd, removing from sessions map"), Detail)
    assert detail.facts == {"session_closed": "yes"}


def test_an_error_and_its_stack() -> None:
    records = read("node", "Error handling MCP request: TypeError: x is not a function\n    at y (/app/z.js:1:2)\nPOST /mcp 500 1 ms - 20")
    (trouble,) = of_type(records, Trouble)
    assert (trouble.line, trouble.end_line) == (1, 2)
