"""Wherever a secret is planted in a proxy's log, no record, sample or explanation shows it; and no stream makes a reader grow."""

from __future__ import annotations

import base64
import tracemalloc
import uuid

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.parse.formats import CANDIDATES, FORMATS, REDACTOR

from connwatch.parse.blocks import BlockReader
from connwatch.parse.recognise import explain
from connwatch.parse.tokens import token_like

# As servers make them; the few in ten thousand that happen to look like words are known only by what introduces them.
SECRETS = (
    st.randoms(use_true_random=False)
    .map(lambda random: random.randbytes(32))
    .flatmap(
        lambda raw: st.sampled_from(
            [base64.urlsafe_b64encode(raw).decode().rstrip("="), str(uuid.UUID(bytes=raw[:16])), raw.hex(), f"pat_{raw.hex()[:12]}"]
        )
    )
    .filter(token_like)
)
DEFAULT = 'mcp.example.com 172.20.0.5 - - [02/Nov/2025:18:03:15 +0000] "{request}" 200 85 "{referer}" "{agent}" "172.20.0.4:8080"'
RICH = DEFAULT + ' 1762106595.125 0.002 "{session}" "{session}" "tools/call" "2026-07-28" "Bearer error=\\x22{session}\\x22"'
REFUSED = (
    "2026/11/23 07:53:05 [error] 42#42: *1 upstream timed out while reading SECRET, client: 10.0.0.1, server: m, "
    'request: "GET /mcp?code=SECRET HTTP/1.1", upstream: "http://10.0.0.2/mcp?code=SECRET", host: "m", referrer: "https://c.example/?state=SECRET"'
)
PLACES = [
    DEFAULT.format(request="GET /authorize?state=SECRET&code_challenge=SECRET HTTP/1.1", referer="-", agent="-"),
    DEFAULT.format(request="GET /oauth/callback?code=SECRET HTTP/1.1", referer="https://c.example/cb?code=SECRET&state=SECRET#SECRET", agent="-"),
    DEFAULT.format(request="GET /consent/SECRET?txn=SECRET HTTP/1.1", referer="https://u:SECRET@c.example/SECRET", agent="-"),
    DEFAULT.format(request="GET /mcp?redirect_uri=https%3A%2F%2Fc.example%2F%3Ft%3DSECRET&scope=SECRET HTTP/1.1", referer="-", agent="x SECRET y"),
    DEFAULT.format(request="GET /mcp?SECRET HTTP/1.1", referer="SECRET", agent="Bearer SECRET"),
    DEFAULT.format(request="GET /token?access_token=SECRET HTTP/1.1", referer="-", agent='oops" SECRET'),
    RICH.format(request="POST /mcp HTTP/1.1", referer="-", agent="-", session="SECRET"),
    REFUSED,
    "SECRET",
    'junk Authorization: Bearer SECRET "mcp-session-id": "SECRET" cookie=SECRET',
    '{"time_local":"x","request":"GET /mcp?code=SECRET","token":"SECRET"',
]


@settings(max_examples=60, deadline=None)
@given(secret=SECRETS)
def test_no_secret_leaves_the_parser(secret: str) -> None:
    text = "\n".join(place.replace("SECRET", secret) for place in PLACES)
    for form in ("nginx-proxy", "nginx-proxy-rich", "combined", "auto"):
        reader = BlockReader("nginx", form, FORMATS, REDACTOR, lambda before: CANDIDATES, lambda request: None)
        records = [*reader.records(text.encode()), *reader.finish()]
        assert secret not in repr(records)
        assert secret not in repr(reader.samples)


@settings(max_examples=5, deadline=None)
@given(secret=SECRETS)
def test_no_secret_is_explained(secret: str) -> None:
    for place in PLACES:
        assert secret not in repr(explain(place.replace("SECRET", secret), FORMATS, REDACTOR))


def test_a_flood_of_lines_that_are_all_new_does_not_grow_the_reader() -> None:
    def flood(reader: BlockReader, begin: int) -> None:
        for number in range(begin, begin + 40):
            lines = [
                DEFAULT.format(
                    request=f"GET /mcp/{number}-{step} HTTP/1.1", referer=f"https://r{number}-{step}.example/", agent=f"agent {number} {step}"
                )
                .replace("mcp.example.com", f"h{number}-{step}.example")
                .replace("172.20.0.4", f"u{number}-{step}")
                for step in range(100)
            ]
            for _ in reader.records(("\n".join(lines) + "\n?\n").encode()):
                pass

    reader = BlockReader("nginx", "auto", FORMATS, REDACTOR, lambda before: CANDIDATES, lambda request: request.path)
    flood(reader, 0)
    tracemalloc.start()
    flood(reader, 1000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 4_000_000
    assert len(reader.samples) <= 20
