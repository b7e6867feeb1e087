"""The cheap look at raw lines: it must find every line that is an event, and few others."""

from __future__ import annotations

import re

import pytest

from connwatch.rules.candidates import candidate_patterns, covers
from connwatch.rules.stages import Classifier
from support.said import catalogue, request

TEXT = 'h.example 192.0.2.1 - - [02/Nov/2025:18:03:15 +0000] "{method} {target} HTTP/1.1" {status} 85 "{referer}" "{agent}" "172.20.0.4:80"'
JSON = (
    '{{"time_local":"2026","client_ip":"","remote_addr":"192.0.2.1","request":"{method} {target} HTTP/1.1","status":"{status}","body_bytes_sent":"9",'
    '"request_time":"0.1","upstream_response_time":"0.1","upstream_addr":"u:1","http_referrer":"{referer}","http_user_agent":"{agent}","request_id":"1"}}'
)
WANTED = [
    "firefox GET /authorize?response_type=code 302",
    "firefox GET /start?client_id=a&redirect_uri=b 302",
    "firefox GET /wp-json/plug/v1/oauth/authorize?client_id=a 302",
    "firefox GET /app/mcp/authorize/consent 200",
    "firefox GET /login/v2/flow 200",
    "firefox POST /api/oauth/zustimmen 200",
    "firefox GET /favicon.ico 404 from https://h.example/authorize?state=s",
    "firefox POST /submit 302 from https://h.example/tenant/consent",
    "httpx POST / 401",
    "Mozilla/5.0 POST /hook/7 401",
    "claude POST /hook/7 200",
    "httpx HEAD / 404",
    "gpt GET / 404",
    "- GET /custom/metadata/location.json 200",
    "node GET /a/b/.well-known/oauth-protected-resource/mcp 404",
    "node GET /.well-known/openid-configuration 404",
    "- POST /token 200",
    "node POST /realms/r/clients-registrations/openid-connect 403",
    "- POST /oauth-register.php 201",
    "firefox OPTIONS /mcp 204",
    "node DELETE /mcp 200",
    "node POST /messages/?session_id=1 202",
]
ORDINARY = [
    "firefox GET / 200",
    "firefox GET /blog/post 200 from https://www.google.com/",
    "firefox GET /favicon.ico 200",
    "firefox GET /mcpanel/start 200",
    "firefox POST /cart 200",
    "curl GET /api/v1/items 200",
    "curl POST /api/v1/items 200",
    "firefox GET /data.json 200",
]


def line(shape: str, text: str) -> bytes:
    one = request(text)
    target = text.split(" ")[2]
    referer = text.partition(" from ")[2]
    absent = "-" if shape is TEXT else ""
    return shape.format(method=one.method, target=target, status=one.status, referer=referer or absent, agent=one.agent or absent).encode()


@pytest.mark.parametrize(("shape", "before"), [(TEXT, b""), (TEXT, b'] "'), (JSON, b""), (JSON, b'"request":"')])
def test_what_is_found_and_what_is_not(shape: str, before: bytes) -> None:
    pattern = re.compile(b"|".join(candidate_patterns(catalogue(), before=before)))
    assert [text for text in WANTED if not pattern.search(line(shape, text))] == []
    assert [text for text in ORDINARY if pattern.search(line(shape, text))] == []


def test_every_positive_example_of_a_stage_rule_is_found() -> None:
    pattern = re.compile(b"|".join(candidate_patterns(catalogue())))
    lost = []
    for rule in catalogue().stages.values():
        for example in rule.example:
            if example.get("near_miss") or rule.noise or "before" in example:
                continue
            method, _, target = example["request"].partition(" ")
            raw = TEXT.format(method=method, target=target, status=200, referer="-", agent=example.get("agent", "-")).encode()
            if not pattern.search(raw):
                lost.append((rule.id, example["request"]))
    assert lost == []


def test_pinned_paths_are_found() -> None:
    text = line(TEXT, "firefox POST /odd 200")
    assert not re.search(candidate_patterns(catalogue())[0], text)
    assert re.search(candidate_patterns(catalogue(), ["/odd"])[0], text)
    assert re.search(candidate_patterns(catalogue(), ["/odd"], b'] "')[0], text)


def test_covers() -> None:
    assert [covers(path) for path in ("/mcp", "/api/mcp/", "/sse", "/", "/mcp/team", "/hook/7")] == [True, True, True, True, True, False]


def test_what_must_be_found_is_an_event_once_its_attempt_has_begun() -> None:
    classifier = Classifier(catalogue())
    classifier.classify(request("firefox GET /authorize?client_id=a&redirect_uri=b 302", host="h.example"))
    classifier.classify(request("node POST /mcp 401", host="h.example"))
    classifier.classify(request("node POST /hook/7 401", host="h.example"))
    assert [text for text in WANTED if classifier.classify(request(text, 2, host="h.example")) is None] == []
