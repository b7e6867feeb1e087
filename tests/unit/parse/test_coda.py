"""coda-mcp's log, as transcripts: which lines are one record, whose they are, and what they say."""

from __future__ import annotations

import pytest

from connwatch.model.record import Chatter, Detail, Request, Trouble, Unparsed
from connwatch.parse.redact import challenge_of
from support.reading import DATA, digest, of_type, read


def test_every_line_of_a_session_with_a_consent_page_belongs_to_its_request() -> None:
    lines = (DATA / "coda-consent.log").read_text().splitlines()
    records = read("coda-mcp", lines)
    assert not of_type(records, Unparsed)
    covered = [number for record in records for number in range(record.line, record.end_line + 1)]  # type: ignore[union-attr]
    assert covered == list(range(1, len(lines) + 1))
    requests = {record.line for record in of_type(records, Request)}
    last = 0
    for record in records:
        if isinstance(record, Request):
            last = record.line
        elif isinstance(record, Detail):
            assert record.of == last
            assert record.of in requests


def test_the_chain_of_keys_from_authorize_to_the_session_is_unbroken() -> None:
    records = read("coda-mcp", (DATA / "coda-consent.log").read_text())
    keys = [set(record.keys) for record in records if isinstance(record, (Request, Detail))]
    authorize = next(set(record.keys) for record in of_type(records, Request) if record.path == "/oauth/authorize" and record.params)
    assert {kind for kind, _ in authorize} == {"state", "challenge", "client_id"}
    redirect = next(found for found in keys if {"state", "code"} <= {kind for kind, _ in found})
    token = next(found for found in keys if {"code", "challenge"} <= {kind for kind, _ in found})
    created, exchanged = [found for found in keys if {kind for kind, _ in found} == {"code8"}][:2]
    assert {pair for pair in authorize if pair[0] == "state"} <= redirect
    assert {pair for pair in redirect if pair[0] in ("code", "code8")} <= token
    assert {pair for pair in authorize if pair[0] == "challenge"} <= token, "S256 of the logged verifier is the challenge of the URL"
    assert created == exchanged
    assert created <= token
    issued = next(found for found in keys if {kind for kind, _ in found} == {"token8"})
    assert sum(issued <= found for found in keys) > 2, "the prefix of the token comes back with every request that uses it"


def test_the_header_dump_tells_who_asked_for_the_token() -> None:
    records = read("coda-mcp", (DATA / "coda-consent.log").read_text())
    headers = next(record for record in of_type(records, Detail) if "address" in record.facts)
    assert headers.facts["address"] == "198.51.100.1"
    assert headers.facts["host"] == "mcp.example.com"
    assert headers.end_line - headers.line > 10


def test_initialize_is_recognised_although_the_log_never_names_it() -> None:
    records = read("coda-mcp", (DATA / "coda-v109.log").read_text())
    valid = [record for record in of_type(records, Detail) if record.facts.get("valid_initialize") == "yes"]
    assert len(valid) == 1
    request = next(record for record in of_type(records, Request) if record.line == valid[0].of)
    assert (request.method, request.path, request.authorization) == ("POST", "/mcp", True)


def test_a_post_that_only_looked_like_an_initialize() -> None:
    records = read(
        "coda-mcp",
        """[HTTP] POST /mcp auth=yes
[MCP] Incoming POST /mcp { sessionId: undefined, hasBody: true, hasAuth: true }
[MCP] Session initialized: 0c1d4ae2-6b1f-4d54-8f21-8a1c5b1f2a10
[MCP] POST /mcp handled {
  sessionId: undefined,
  duration: '1ms',
  headersSent: true
}""",
    )
    assert of_type(records, Detail)[-1].facts == {"valid_initialize": "no"}


def test_the_same_sentence_takes_one_line_or_five() -> None:
    short = read("coda-mcp", "[HTTP] POST /mcp auth=yes\n[MCP] Incoming POST /mcp { sessionId: 'abcdefgh-1', hasBody: true }")
    long = read("coda-mcp", "[HTTP] POST /mcp auth=yes\n[MCP] Incoming POST /mcp {\n  sessionId: 'abcdefgh-1',\n  hasBody: true\n}")
    assert of_type(short, Detail)[0].keys == of_type(long, Detail)[0].keys == [("session", digest("abcdefgh-1")), ("session8", digest("abcdefgh"))]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("[AuthStore] Code not found: 9jTZEgWb...", "code-not-found"),
        ("[AuthStore] Code expired: 9jTZEgWb...", "code-expired"),
        ("[AuthStore] Code already used: 9jTZEgWb...", "code-used"),
        ("[AuthStore] PKCE validation failed (S256): 9jTZEgWb...", "pkce-failed"),
        ("[AuthStore] PKCE validation failed (plain): 9jTZEgWb...", "pkce-failed"),
        ("[AuthStore] PKCE required but no code_verifier provided: 9jTZEgWb...", "verifier-missing"),
    ],
)
def test_why_a_token_was_refused(line: str, cause: str) -> None:
    detail = of_type(read("coda-mcp", f"[HTTP] POST /oauth/token auth=no\n{line}"), Detail)[0]
    assert detail.facts["oauth_error"] == cause
    assert detail.keys == [("code8", digest("9jTZEgWb"))]
    assert detail.of == 1


def test_the_older_build_names_the_whole_code_and_both_builds_share_a_key() -> None:
    detail = of_type(read("coda-mcp", "[HTTP] POST /oauth/token auth=no\n[OAuth] Invalid or expired authorization code: b30708d1-cfaf-4c9a"), Detail)[
        0
    ]
    assert detail.keys == [("code", digest("b30708d1-cfaf-4c9a")), ("code8", digest("b30708d1"))]


def test_an_error_its_stack_and_its_object_are_one_record_without_the_body() -> None:
    records = read(
        "coda-mcp",
        """[HTTP] GET /health auth=no
[ERROR] Unhandled error: SyntaxError: Unexpected end of JSON input
    at JSON.parse (<anonymous>)
    at process.processTicksAndRejections (node:internal/process/task_queues:82:21) {
  expose: true,
  body: '{"password":"hunter2hunter2"',
  type: 'entity.parse.failed'
}
[HTTP] GET /health auth=no""",
    )
    trouble = of_type(records, Trouble)[0]
    assert (trouble.line, trouble.end_line, trouble.cause) == (2, 8, "other")
    assert "hunter2" not in repr(records)


def test_a_stack_ends_where_the_next_request_begins() -> None:
    records = read(
        "coda-mcp",
        """[HTTP] DELETE /mcp auth=yes
[MCP] Session termination error: TypeError: Date.now(...).getTime is not a function
    at /app/dist/http-server-src.js:270:47
    at next (/app/node_modules/express/lib/router/route.js:149:13)
[HTTP] POST /mcp auth=no""",
    )
    assert [(type(record).__name__, record.line, record.end_line) for record in records] == [  # type: ignore[union-attr]
        ("Request", 1, 1),
        ("Detail", 2, 4),
        ("Request", 5, 5),
    ]
    assert of_type(records, Detail)[0].of == 1
    assert "getTime" in of_type(records, Detail)[0].facts["app_error"]


def test_lines_outside_any_request() -> None:
    sid = "5b7fc49a-46ab-42fe-8770-2d4d806a3fea"
    records = read(
        "coda-mcp",
        f"""[HTTP] GET /sse/ auth=no
[SSE] Connection closed: {sid} (0 requests, 3979ms)
[AuthStore] Cleaned up 2 expired codes
[SECURITY] Rejected request from origin: http://evil.example

[coda-mcp] Received SIGTERM, shutting down...""",
    )
    closed, cleaned = of_type(records, Detail)
    assert (closed.of, closed.keys[0]) == (None, ("session", digest(sid)))
    assert (cleaned.of, cleaned.keys) == (None, [])
    assert [trouble.cause for trouble in of_type(records, Trouble)] == ["origin-rejected"]
    assert of_type(records, Chatter)[-1].facts == {"stopped": "yes"}


def test_a_late_line_of_another_session_is_not_put_upon_the_last_request() -> None:
    one, two = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
    records = read(
        "coda-mcp",
        f"""[HTTP] POST /mcp auth=yes
[MCP] Reusing session: {one}
[HTTP] POST /mcp auth=yes
[MCP] Reusing session: {two}
[MCP] POST /mcp handled {{
  sessionId: '{one}',
  duration: '20000ms'
}}
[OAuth] Token issued successfully""",
    )
    assert [detail.of for detail in of_type(records, Detail)] == [1, 3, None, None]


def test_a_restart_leaves_no_request_open() -> None:
    records = read("coda-mcp", "[HTTP] POST /mcp auth=yes\n[coda-mcp] HTTP Native MCP Server\n[MCP] Connected server to new transport")
    assert of_type(records, Chatter)[0].facts == {"started": "yes"}
    assert of_type(records, Detail)[0].of is None


def test_the_gateway_in_both_of_its_shapes() -> None:
    details = '{"path":"/mcp","ip":"172.20.0.5","error":"Coda API error: 401 Unauthorized"}'
    json_line = (
        f'{{"timestamp":"2025-10-30T10:00:00.000Z","service":"token-validation","event_type":"AUTH_FAILURE","status":"failure","details":{details}}}'
    )
    for line in (json_line, f"[2025-10-30T10:00:00.000Z] [token-validation] [AUTH_FAILURE] {details}"):
        trouble = of_type(read("coda-mcp", line), Trouble)[0]
        assert (trouble.cause, trouble.path, trouble.address) == ("token-rejected", "/mcp", "172.20.0.5")
    session = read("coda-mcp", '[2025-10-30T10:00:00.000Z] [gateway] [SESSION] {"sessionId":"abcdefgh-1"}')
    assert of_type(session, Detail)[0].keys[0] == ("session", digest("abcdefgh-1"))
    challenge = read("coda-mcp", '[2025-10-30T10:00:00.000Z] [token-validation] [AUTH_FAILURE] {"path":"/mcp","ip":"172.20.0.5"}')
    assert of_type(challenge, Chatter), "a missing token is the ordinary challenge"


def test_later_versions_say_little_and_leak_nothing() -> None:
    records = read(
        "coda-mcp",
        """✅ Configuration validated successfully
🚀 Coda MCP server started (Phase 2: Stytch OAuth 2.1)
[AUTH] Stytch token validation failed: invalid_token expired
[DEBUG] Cloudflare Access JWT validated for: someone@example.com
[ERROR] MCP request failed: AxiosError: Request failed with status code 401
    at settle (/app/node_modules/axios/lib/core/settle.js:19:12) {
  config: {
    headers: { Authorization: 'Bearer pat_secretsecretsecret' }
  }
}
[AUTH] Stytch auth successful: someone@example.com (session: session-live-1234)""",
    )
    assert not of_type(records, Unparsed)
    assert [trouble.cause for trouble in of_type(records, Trouble)] == ["token-rejected", "other"]
    assert not any(secret in repr(records) for secret in ("someone@", "secretsecret", "session-live"))


def test_the_latest_version_logs_requests_at_debug_level_only() -> None:
    records = read(
        "coda-mcp",
        """[DEBUG] MCP request from someone@example.com: {
  method: 'POST',
  path: '/mcp',
  headers: {
    authorization: 'Bearer stytch-live-token-1'
  },
  body: { method: 'tools/list' }
}""",
    )
    (request,) = of_type(records, Request)
    assert (request.method, request.path, request.authorization, request.end_line) == ("POST", "/mcp", True, 8)
    assert not any(secret in repr(records) for secret in ("someone@", "stytch-live"))


def test_audit_lines_that_cannot_be_read_are_refused() -> None:
    for line in (
        '{"timestamp":"2025-10-30T10:00:00Z","event_type":"ERROR"',
        '{"timestamp":"x","event_type":7}',
        '{"timestamp":"x","event_type":"DISCOVERY","details":3}',
    ):
        records = read("coda-mcp", line)
        assert len(records) == 1
        assert isinstance(records[0], Chatter if "DISCOVERY" in line else Unparsed)


def test_a_dump_that_never_closes_is_let_go() -> None:
    lines = ["[OAuth] Request headers: {", *['  "x": "y",'] * 1000]
    records = read("coda-mcp", lines)
    assert len(of_type(records, Detail)) == 1
    assert of_type(records, Detail)[0].end_line == 200
    assert len(of_type(records, Unparsed)) == 801, "what comes after is counted, not swallowed"


def test_a_cut_request_line_is_refused_and_redacted() -> None:
    records = read("coda-mcp", "[HTTP] GET /oauth/authorize?state=kB8sLq2VxZ71mNc0")
    assert of_type(records, Unparsed)[0].reason == "a request line of coda-mcp, cut or changed"
    assert "kB8sLq2VxZ71mNc0" not in repr(records)


def test_the_verifier_ties_the_token_request_to_the_challenge() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    records = read("coda-mcp", f'[HTTP] POST /oauth/token auth=no\n[OAuth] Request body: {{\n  "code_verifier": "{verifier}"\n}}')
    # The pair is the example of RFC 7636, appendix B.
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert of_type(records, Detail)[0].keys == [("challenge", digest("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))]
