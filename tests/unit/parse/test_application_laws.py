"""Laws that hold for every parser of application logs, whatever it is fed."""

from __future__ import annotations

import string
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connwatch.model.line import Line
from connwatch.model.record import Detail, Request
from support.reading import DATA, EVERY, of_type, parser_of, read

#: Pieces of real lines, so that inputs reach deep into the parsers.
FRAGMENTS = sorted({line for file in DATA.iterdir() for line in file.read_text().splitlines()})
LINES = st.one_of(
    st.sampled_from(FRAGMENTS),
    st.sampled_from(FRAGMENTS).map(lambda line: line[31:]),
    st.builds(lambda line, at: line[:at], st.sampled_from(FRAGMENTS), st.integers(0, 120)),
    st.text(max_size=80),
    st.text(alphabet=" {}[]'\":,=\\abr\x1b\x00", max_size=60),
    st.sampled_from(
        ["}", "{", "[OAuth] Response: {", "    at x (y)", "Traceback (most recent call last):", '{"m":"GET","u":"/","s":200}', "m=GET u=/ s=200", ""]
    ),
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(EVERY)), lines=st.lists(LINES, max_size=25))
def test_no_input_raises_and_no_line_is_told_twice_or_lost(name: str, lines: list[str]) -> None:
    records = read(name, lines)
    ends: set[int] = set()
    for record in records:
        ends |= set(range(record.line, getattr(record, "end_line", record.line) + 1))
    assert ends == set(range(1, len(lines) + 1))


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(sorted(EVERY)), lines=st.lists(LINES, max_size=25))
def test_a_detail_is_about_a_request_that_was_told_before_it(name: str, lines: list[str]) -> None:
    told: set[int] = set()
    for record in read(name, lines):
        if isinstance(record, Request):
            told.add(record.line)
        elif isinstance(record, Detail) and record.of is not None:
            assert record.of in told


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(EVERY)), lines=st.lists(LINES, max_size=20), cut=st.integers(0, 20))
def test_records_depend_on_the_lines_alone(name: str, lines: list[str], cut: int) -> None:
    parser = parser_of(name)
    numbered = [Line("log", number, line) for number, line in enumerate(lines, 1)]
    parts = [record for part in (numbered[:cut], numbered[cut:]) for line in part for record in parser.parse(line)]
    assert [*parts, *parser.flush()] == read(name, lines)


TOKENS = st.text(alphabet=string.ascii_letters + string.digits, min_size=24, max_size=40).filter(
    lambda text: any(map(str.islower, text)) and any(map(str.isupper, text)) and sum(map(str.isdigit, text)) > 4
)
PLANTED = {
    "coda-mcp": """[HTTP] GET /oauth/authorize?state={0}&code_challenge={0}&code={0} auth=no
[OAuth] Authorization request: {{
  state: '{0}',
  nonsense: '{0}'
}}
[OAuth] Authorization code generated: {0}
[OAuth] Redirecting to: https://a.example/cb?code={0}&state={0}
[HTTP] POST /oauth/token auth=no
[OAuth] Request body: {{
  "code": "{0}",
  "code_verifier": "{0}",
  "refresh_token": "{0}",
  "client_secret": "{0}"
}}
[OAuth] Request headers: {{
  "authorization": "Bearer {0}",
  "cookie": "a={0}",
  "user-agent": "x Bearer {0}"
}}
[OAuth] Invalid or expired authorization code: {0}
[MCP] Session initialized: {0}
[MCP] Request error: Error: Bearer {0}
[ERROR] Unhandled error: SyntaxError: token={0}
[SSE] Connection closed: {0} (0 requests, 1ms)
[SECURITY] Rejected request from origin: http://x.example/?token={0}
[CLOUDFLARE] Access request from: {0}@example.com
[SEARCH] Query: "{0}"
{0}
[2025-10-30T10:00:00.000Z] [gateway] [ERROR] {{"error":"token={0}","sessionId":"{0}"}}""",
    "uvicorn": """INFO:     10.0.0.1:0 - "GET /authorize?state={0}&code_challenge={0} HTTP/1.1" 302 Found
INFO:mcp:Created new transport with session ID: {0}
INFO:mcp:Rejected request with unknown or expired session ID: {0}
INFO:     10.0.0.1:0 - "GET /x/{0}?token={0} HTTP/1.1" 404 Not Found
ERROR:mcp:Authorization: Bearer {0}
Traceback (most recent call last):
ValueError: access_token={0}
{0}""",
    "node": """Authenticated user: {{
  token: '{0}',
  scopes: [ '{0}' ]
}}
POST /cb?code={0} 200 - session={0}
Error: Bearer {0}
token is {0}""",
    "mapped": """{{"m":"GET","u":"/a/{0}?code={0}","s":200,"sid":"{0}"}}
{{"level":"error","msg":"Bearer {0}"}}
{{"cut":"{0}""",
    "pairs": """m=GET u=/a/{0}?code={0} s=200 sid={0}
level=error msg="access_token={0}"
{0}""",
}


@pytest.mark.parametrize("name", sorted(PLANTED))
@settings(max_examples=40, deadline=None)
@given(secret=TOKENS)
def test_a_planted_secret_is_in_no_record(name: str, secret: str) -> None:
    told = repr(read(name, PLANTED[name].format(secret)))
    assert secret not in told
    assert secret[:12] not in told, "nor the half of it"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_memory_is_bounded(name: str) -> None:
    flood = ["[OAuth] Response: {", "INFO:mcp:Created new transport with session ID: " + "a" * 32, "Error: x", "Traceback (most recent call last):"]
    tracemalloc.start()
    try:
        parser = parser_of(name)
        for number in range(1, 1500):
            parser.parse(Line("log", number, flood[number % 4] if number % 400 < 4 else "  " + "x" * 500))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


@pytest.mark.parametrize("name", sorted(EVERY))
def test_a_line_of_ten_mebibytes_is_one_line(name: str) -> None:
    for filling in ("a", "'", '\\"', "a: '", "{ a: ", " = ", '- "'):
        records = read(name, [filling * (10_485_760 // len(filling))])
        assert len(records) == 1
        assert not of_type(records, Request)
        assert len(repr(records)) < 20_000
