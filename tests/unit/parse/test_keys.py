"""Which parameters are keys: by their names, and some of them only where nobody counted or worded the value."""

from __future__ import annotations

import pytest

from connwatch.parse.keys import keys_of
from connwatch.parse.redact import Redactor

REDACTOR = Redactor(b"tests")


def kinds(query: str, visitor: str = "203.0.113.9") -> list[str]:
    return [kind for kind, _ in keys_of(query, REDACTOR.params(query), visitor)]


def test_an_authorization_request() -> None:
    query = "response_type=code&client_id=a&state=s&code_challenge=c&resource=https://h/mcp&scope=x"
    assert kinds(query) == ["client_id", "state", "challenge"]


def test_the_session_of_the_older_transport() -> None:
    assert kinds("sessionId=4f6c") == kinds("session_id=4f6c") == ["session"]


@pytest.mark.parametrize("pair", ["txn=9f27c1d4", "login_challenge=4bb1c2a7d8e9f0a1", "flow=QmVhdXRpZnVsT3BhcXVl", "request_uri=urn:x:6esc11ACC5bwc"])
def test_what_one_sign_in_is_called_between_its_pages(pair: str) -> None:
    assert kinds(pair) == ["transaction"]


@pytest.mark.parametrize("pair", ["flow=1", "flow=authorization_code", "session=", "request=login", "tid=9188040d-6c67-4c5b-b112-36a3"])
def test_a_step_or_a_word_or_a_tenant_names_no_sign_in(pair: str) -> None:
    assert kinds(pair) == []


def test_a_short_name_is_one_visitors_own() -> None:
    params = REDACTOR.params("txn=44")
    (mine,), (yours,) = (keys_of("txn=44", params, visitor) for visitor in ("203.0.113.9", "198.51.100.7"))
    assert mine != yours
    assert kinds("txn=44", visitor="") == [], "an application's log names the proxy, which is everybody"
