"""What a named value means, whatever log it stood in."""

from __future__ import annotations

import pytest

from connwatch.parse.inspected import fields_of, inline_fields, unquoted
from connwatch.parse.named import Findings
from connwatch.parse.redact import Redactor
from support.reading import KEY, digest


def found(name: str, value: str) -> tuple[list[tuple[str, str]], dict[str, str]]:
    findings = Findings(Redactor(KEY))
    findings.note(name, value)
    return findings.keys, findings.facts


@pytest.mark.parametrize("name", ["sessionId", "session_id", "Mcp-Session-Id", "SESSIONID"])
def test_a_session_has_many_names_and_one_key(name: str) -> None:
    assert found(name, "abcdefgh-1")[0] == [("session", digest("abcdefgh-1")), ("session8", digest("abcdefgh"))]


def test_the_first_eight_characters_join_a_cut_value_with_the_whole() -> None:
    assert found("sessionid", "abcdefgh")[0] == [("session8", digest("abcdefgh"))]
    assert found("code", "abcdefgh...")[0] == [("code8", digest("abcdefgh"))]
    assert found("code", "abcdefghij")[0] == [("code", digest("abcdefghij")), ("code8", digest("abcdefgh"))]
    assert found("sessionid", "abc")[0] == []


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("Bearer abcdefghij", {"token", "token8"}),
        ("abcdefghij", {"token", "token8"}),
        ("pat_abcd12...", {"token8"}),
        ("Basic dXNlcjpwYXNz", set()),
        ("***REDACTED***", set()),
        ("undefined", set()),
    ],
)
def test_tokens(value: str, kinds: set[str]) -> None:
    assert {kind for kind, _ in found("authorization", value)[0]} == kinds


def test_a_request_id_that_only_counts_is_no_key() -> None:
    assert found("request_id", "req-1") == ([], {})
    assert found("cf-ray", "b286796605f6391f-SJC")[0] == [("request_id", digest("b286796605f6391f-SJC"))]


def test_a_redirect_says_where_it_goes_and_what_it_carries() -> None:
    keys, facts = found("callback", "https://claude.ai/cb?code=abcdefghij&state=s-1")
    assert dict(keys) == {"code": digest("abcdefghij"), "code8": digest("abcdefgh"), "state": digest("s-1")}
    assert facts == {"redirect_host": "claude.ai"}
    assert found("callback", "https://claude.ai/cb?error=access_denied&state=s-1")[1]["oauth_error"] == "access_denied"
    assert found("redirect_uri", "cursor://anysphere.cursor-mcp/oauth/callback")[1] == {
        "redirect_host": "anysphere.cursor-mcp",
        "redirect_scheme": "cursor",
    }
    assert found("redirect_uri", "http://[broken")[1] == {}


def test_facts_are_short_safe_and_of_the_shape_they_claim() -> None:
    assert found("client_name", "Claude " * 90)[1] == {"client_name": ("Claude " * 90)[:200]}
    assert "abcdefghij" not in found("user-agent", "x Bearer abcdefghij")[1]["agent"]
    assert found("cf-connecting-ip", "203.0.113.7")[1] == {"address": "203.0.113.7"}
    assert found("x-forwarded-for", "203.0.113.7, 172.20.0.5")[1] == {"address": "203.0.113.7"}
    assert found("cf-connecting-ip", "<script>")[1] == {}
    assert found("mcp_method", "tools/list")[1] == {"mcp_method": "tools/list"}
    assert found("mcp_method", "rm -rf")[1] == {}
    assert found("error", "Something Else")[1] == {}
    assert found("resource", "https://mcp.example.com/mcp?token=abc")[1] == {"resource": "https://mcp.example.com/mcp"}
    assert found("client_info", "Cursor")[1] == {"client_info": "Cursor"}
    assert found("nonsense", "abcdefghij") == ([], {})
    assert found("state", "x" * 5000) == ([], {})


def test_an_object_on_one_line_and_on_many() -> None:
    assert dict(inline_fields("x { sessionId: undefined, clientName: 'Claude', hasAuth: true }")) == {
        "sessionId": "undefined",
        "clientName": "Claude",
        "hasAuth": "true",
    }
    assert list(inline_fields("x { open: 1")) == []
    body = [
        "  a: 'one',",
        '  "b-c": "two\\n",',
        "  nested: {",
        "    state: 'inner'",
        "  },",
        "    clientInfo: { name: 'Cursor', version: '1' }",
        "  " + "x" * 9000,
        "}",
    ]
    assert list(fields_of(body)) == [("a", "one"), ("b-c", "two\n"), ("nested", ""), ("clientInfo", "{ name: 'Cursor', version: '1' }")]


@pytest.mark.parametrize(("value", "bare"), [("'it\\'s'", "it's"), ('"cut', ""), ("'cut", ""), ("12", "12"), ("URL {", ""), ('"a" +', "")])
def test_quotes(value: str, bare: str) -> None:
    assert unquoted(value) == bare
