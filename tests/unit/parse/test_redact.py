"""Secrets leave the parser as digests, and ordinary words stay readable."""

from __future__ import annotations

import itertools
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connwatch.parse.printable import printable
from connwatch.parse.redact import Redactor, challenge_of
from connwatch.parse.tokens import token_like

KEYED = Redactor(b"one installation")
DIGEST = r"#[0-9a-f]{16}"
SECRETS = [
    "pat_A1b2C3d4E5f6G7h8",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLWl0",
    "QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg",
    "97abf20b-38c2-4485-98d3-a270aab64c95",
    "9b736a9c6008a1bd234d5053a2ecc6eb",
]


def test_equal_secrets_give_equal_digests_under_one_key_only() -> None:
    assert KEYED.digest("abc") == Redactor(b"one installation").digest("abc")
    assert KEYED.digest("abc") != KEYED.digest("abd")
    assert KEYED.digest("abc") != Redactor(b"another").digest("abc")
    assert len(KEYED.digest("abc")) == 17
    assert Redactor(b"x" * 100).digest("a") != Redactor(b"x" * 64).digest("a")


def test_a_verifier_has_the_challenge_of_the_standard() -> None:
    # RFC 7636, appendix B.
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_an_authorization_request_keeps_its_words_and_loses_its_secrets() -> None:
    kept = KEYED.params(
        "response_type=code&client_id=my-client&redirect_uri=https%3A%2F%2Fu%3Ap%40client.example%2Fcb%3Fx%3Dsecret%23frag&state=s3cr3t"
        "&code_challenge=abc&code_challenge_method=S256&scope=mcp%3Atools+offline_access&resource=https%3A%2F%2Fmcp.example.com%2Fmcp"
    )
    assert kept == {
        "response_type": "code",
        "client_id": "my-client",
        "redirect_uri": "https://client.example/cb",
        "state": KEYED.digest("s3cr3t"),
        "code_challenge": KEYED.digest("abc"),
        "code_challenge_method": "S256",
        "scope": "mcp:tools offline_access",
        "resource": "https://mcp.example.com/mcp",
    }


def test_a_client_metadata_document_stays_an_address() -> None:
    assert KEYED.params("client_id=https%3A%2F%2Fclaude.example%2Foauth%2Fmetadata.json%3Fv%3D1") == {
        "client_id": "https://claude.example/oauth/metadata.json"
    }


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", {}),
        ("state=a&state=b", {"state": KEYED.digest("a")}),
        ("state=%zz%E0%A4%A", {"state": KEYED.digest("%zz�%A")}),
        ("state=", {"state": ""}),
        ("=x&&&", {}),
        ("flag", {"flag": ""}),
        ("scope=QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg", {"scope": KEYED.digest("QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg")}),
        ("QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg=1", {KEYED.digest("QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg"): KEYED.digest("1")}),
        ("%1b%5b31m=1", {KEYED.digest("\x1b[31m"): KEYED.digest("1")}),
    ],
)
def test_odd_queries(query: str, kept: dict[str, str]) -> None:
    assert KEYED.params(query) == kept


def test_parameters_are_bounded() -> None:
    assert len(KEYED.params("&".join(f"p{number}=x" for number in range(1000)))) <= 48
    assert all(len(value) <= 512 for value in KEYED.params("scope=" + "a " * 5000 + "&redirect_uri=" + "/x" * 5000).values())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/mcp",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/connector_platform_oauth_redirect",
        "/realms/r/clients-registrations/openid-connect",
        "/wp-json/x/v1/oauth/register",
        "/oauth-register.php",
        "/protectedResourceMetadata/forTheServer",
        "/blog/2025-11-02-how-to-connect",
        "/assets/index-B3k2.js",
        "/My-Blog-Post-2024-about",
    ],
)
def test_ordinary_paths_stay(path: str) -> None:
    assert KEYED.path(path) == path


@pytest.mark.parametrize("secret", SECRETS)
def test_token_like_segments_become_digests(secret: str) -> None:
    assert KEYED.path(f"/mcp/{secret}/sse") == f"/mcp/{KEYED.digest(secret)}/sse"


def test_paths_are_bounded_and_printable() -> None:
    assert len(KEYED.path("/" + "a/" * 5000)) <= 512
    assert KEYED.path("/x\x1b[31m") == "/x\\x1b[31m"
    assert KEYED.path("/page;jsessionid=abc") == "/page"


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer abc.def", "abc.def"),
        ('{"authorization":"Bearer xyz123"}', "xyz123"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("Cookie: sid=first; other=second", "second"),
        ("'mcp-session-id': 'abcd1234'", "abcd1234"),
        ("Mcp-Session-Id: abcd1234", "abcd1234"),
        ('"GET /callback?code=short&state=xy HTTP/1.1"', "short"),
        ('"GET /callback?code=short&state=xyzzy HTTP/1.1"', "xyzzy"),
        ("redirecting to https://c.example/cb?code%3Dshort", "short"),
        ('{"access_token":"tok1","expires_in":3600}', "tok1"),
        ("refresh_token: tok2", "tok2"),
        ("client_secret=hunter2&x=1", "hunter2"),
        ("https://user:hunter2@proxy.example/x", "hunter2"),
        ("{\\x22token\\x22:\\x22abcd1234\\x22}", "abcd1234"),
        ("https://c.example/cb#QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg", "QFv_"),
        ("using pat_lab12345 for user", "pat_lab12345"),
        ("token 9b736a9c6008a1bd234d5053a2ecc6eb seen", "9b736a9c6008a1bd234d5053a2ecc6eb"),
    ],
)
def test_free_text_loses_secrets(text: str, gone: str) -> None:
    shown = KEYED.text(text)
    assert gone not in shown
    assert KEYED.text(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "connect() failed (111: Connection refused) while connecting to upstream",
        'Bearer error="invalid_token", resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource"',
        '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request"}}',
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "Error: connect ECONNREFUSED 127.0.0.1:8080 code: 'ECONNREFUSED'",
    ],
)
def test_free_text_keeps_what_is_no_secret(text: str) -> None:
    assert KEYED.text(text) == text


@pytest.mark.parametrize("secret", ["Zx81-kLmP0_qRsT7uVw", "c77d0a4e-12f9-4f0e-8d5b-90aa41e6b3f2", "q8W0nYb3rT6uI1oP4aS7dF2gH5jK9lZxCvBmN0QwErT"])
def test_a_random_value_loses_itself_and_not_the_name_before_it(secret: str) -> None:
    assert KEYED.text(f"GET /a?any_thing={secret}&b=1 HTTP/1.1") == f"GET /a?any_thing={KEYED.digest(secret)}&b=1 HTTP/1.1"
    assert secret not in KEYED.text(f"{secret}=")
    assert secret not in KEYED.text(f"{secret}=x")


def test_a_client_id_is_public_unless_it_is_a_token() -> None:
    assert KEYED.text("/authorize?client_id=c77d0a4e-12f9-4f0e-8d5b-90aa41e6b3f2&scope=mcp") == (
        "/authorize?client_id=c77d0a4e-12f9-4f0e-8d5b-90aa41e6b3f2&scope=mcp"
    )
    assert "pat_9f3k2Lq8" not in KEYED.text("/authorize?client_id=pat_9f3k2Lq8ZxYwVu&scope=mcp")


def test_a_secret_that_the_bound_cuts_does_not_show_its_beginning() -> None:
    secret = "QFv_MSznS9a_YygbaNQUe24b3x5ahDasf8E71L_TRdg"
    assert "QFv_" not in KEYED.text("x" * 8180 + " " + secret)


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x9b31m", "a\u202eb", "a\u2028b", "\x00", "\ud800", "\U000e0001"])
def test_what_does_not_print_is_made_visible(text: str) -> None:
    assert printable(text).isascii()
    assert printable(text).isprintable()


def test_what_prints_is_left_alone() -> None:
    assert printable("héllo \\x22 ✓ 日本") == "héllo \\x22 ✓ 日本"


RANDOM = st.text(string.ascii_letters + string.digits + "-_", min_size=43, max_size=43).filter(
    lambda text: sum(a.isdigit() != b.isdigit() or a.isupper() != b.isupper() for a, b in itertools.pairwise(text)) > 16
)


@given(secret=RANDOM)
def test_random_values_of_any_kind_are_known_by_their_shape(secret: str) -> None:
    assert token_like(secret)
    assert secret not in KEYED.text(f"seen {secret} there")


@settings(max_examples=300)
@given(text=st.text(max_size=200))
def test_no_text_raises_and_all_of_it_prints(text: str) -> None:
    assert KEYED.text(text).isprintable()
    assert KEYED.path(text).isprintable()
    for name, value in KEYED.params(text).items():
        assert name.isprintable()
        assert value.isprintable()


@given(
    secret=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{9,40}", fullmatch=True),
    name=st.sampled_from(["state", "code", "access_token", "txn", "anything"]),
)
def test_values_of_parameters_never_stay(secret: str, name: str) -> None:
    assert secret not in str(KEYED.params(f"{name}={secret}&x=1"))
