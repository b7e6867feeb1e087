"""The shipped diagnoses: all there, each with a way to be wrong, and each example doing what it says."""

from __future__ import annotations

import re

import pytest

from connwatch.diagnose.book import book_of
from connwatch.settings.selfcheck import check_catalogue

# The codes that programs may rely on, by where they stop an attempt.
PROMISED = {
    "reach": {"proxy-redirect", "upstream-unavailable", "host-rejected", "origin-rejected", "endpoint-not-found", "not-acceptable", "rate-limited"},
    "resource_metadata": {"challenge-ignored", "metadata-missing", "preflight-refused"},
    "server_metadata": {"metadata-missing", "metadata-unusable", "preflight-refused"},
    "registration": {"registration-refused", "guessed-endpoints", "metadata-unusable"},
    "authorization": {"registration-unused", "authorization-refused"},
    "consent": {"authorization-refused", "consent-abandoned"},
    "token": {"code-not-redeemed", "token-refused", "refresh-refused"},
    "session": {
        "token-unused",
        "token-rejected",
        "handshake-incomplete",
        "session-lost",
        "stream-broken",
        "protocol-version-rejected",
        "host-rejected",
        "endpoint-not-found",
        "server-error",
        "refresh-missing",
    },
}


@pytest.mark.parametrize("place", PROMISED)
def test_promised_codes_exist(catalogue, place):
    rules = {rule.code: rule for rule in book_of(catalogue).rules}
    for code in PROMISED[place]:
        assert place in rules[code].stuck_at


def test_every_example_does_what_it_says(catalogue):
    checked = [entry for entry in check_catalogue(catalogue) if entry.entry.startswith("diagnosis ")]
    assert len(checked) == len(catalogue.diagnoses) >= 30
    assert [(entry.entry, entry.problems) for entry in checked if entry.problems] == []


def test_every_diagnosis_has_an_example_and_a_near_miss(catalogue):
    for code, entry in catalogue.diagnoses.items():
        kinds = {bool(example.get("near_miss")) for example in entry["example"]}
        assert kinds == {True, False}, code


def test_every_case_can_hold(catalogue, judged):
    """A case that no trail reaches is dead data: each confidence of each diagnosis is met by some trail of these."""
    token = "post:401 prm:200 asm:200 register:201 authorize:302 page:200 decide:302 token:200"
    trails = [example["trail"] for entry in catalogue.diagnoses.values() for example in entry["example"]]
    trails += [
        "post:307 get:307",
        "post:502[cause=connect-refused]",
        f"{token} post:200*3 post:504",
        "post:499",
        "post:403[cause=host-rejected]",
        "post:403[cause=origin-rejected]",
        "asm:200 post:404",
        f"{token} post:404",
        "post:400",
        "post:401[www_authenticate=Bearer]",
        "post:401 prm:403",
        "post:401 prm:302",
        "options:404[path=/.well-known/oauth-protected-resource]",
        "post:401 prm:404 register:404",
        "post:401 prm:200",
        "post:401 prm:404 prm:200 asm:200 register:201",
        "asm:200 register:404[path=/register]",
        "prm:200 register:500",
        "register:201 authorize:404",
        "register:201 authorize:200 decide:400",
        "register:201 authorize:500",
        "register:201 authorize:302",
        "register:201 authorize:499",
        "register:201 page:200[path=/login] decide:200[path=/login]",
        "authorize:302 decide:302[oauth_error=access_denied]",
        "authorize:200 decide:307",
        "authorize:302 decide:302 token:404",
        "refresh:400",
        f"{token} post:401[cause=token-audience]",
        f"{token} post:422",
        f"{token} token:200 token:200",
        f"{token} post:401[size=74]",
        "post:401[size=74] authorize:302 decide:302 token:200 post:401[size=74]*2",
        f"{token} post:200 post:404[cause=session-unknown]",
        f"{token} post:200 post:403",
        "post:404[key=session]",
        "post:200 +400 post:403",
        f"{token} post:200 +30 post:400",
        f"{token} post:200 post:400",
        f"{token} post:200 get:400",
        f"{token} post:200 get:404",
        f"{token} post:200 get:499",
        f"{token} post:200*3 post:404",
        "post:400[protocol_version=2026-07-28]",
        f"{token} post:400",
        f"{token} post:200*3 get:200[duration=60]",
        f"{token} initialize:200",
        "post:200 +400 post:401",
    ]
    met: dict[str, set[float]] = {}
    for trail in trails:
        for client in ("claude", "cursor"):
            for found in judged(client, trail).diagnoses:
                met.setdefault(found.code, set()).add(found.confidence)
    missing = {rule.code: {case.confidence for case in rule.cases} - met.get(rule.code, set()) for rule in book_of(catalogue).rules}
    assert {code: confidences for code, confidences in missing.items() if confidences} == {}


def test_nothing_is_blamed_on_the_client_for_its_silence(judged):
    attempt = judged("claude", "post:401 prm:200 asm:200 register:201 authorize:200 decide:302 token:200")
    found = attempt.diagnoses[0]
    assert found.code == "token-unused"
    assert len(found.checks) >= 5
    assert all(re.search(r"\(.*\)", check) and (":" in check) for check in found.checks)
    assert "bug" not in " ".join([found.summary, found.remedy, *found.checks])


def test_the_silence_of_november_2025(judged):
    """HEAD /, resource metadata, server metadata twice, all 200, then nothing."""
    attempt = judged("claude", "head:200 prm:200 asm:200 asm:200")
    assert (attempt.outcome, attempt.stuck_at) == ("stalled", "registration")
    found = attempt.diagnoses[0]
    assert found.code == "metadata-unusable"
    assert "registration_endpoint is missing" in found.checks[0]
    assert "http where https is meant" in found.checks[1]
