"""Whole attempts as a proxy logs them, and the steps that they are taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connwatch.model.event import Stage
from connwatch.model.record import Request
from connwatch.rules.stages import Classifier, Options
from support.said import catalogue, events, request, stages

CLAUDE = "redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback"


def test_a_hosted_connector_from_challenge_to_session() -> None:
    assert stages(
        "httpx POST /mcp 401",
        "httpx GET /.well-known/oauth-protected-resource/mcp 200",
        "httpx GET /.well-known/oauth-authorization-server 200",
        "httpx POST /register 201",
        f"firefox GET /authorize?response_type=code&client_id=a&{CLAUDE}&state=s&code_challenge=c 302 at 198.51.100.7",
        "firefox GET /consent?txn=t 200 at 198.51.100.7",
        "firefox POST /consent?txn=t 302 at 198.51.100.7",
        "httpx POST /token 200",
        "claude POST /mcp 200",
        "claude POST /mcp 202",
        "claude GET /mcp 405",
        "claude DELETE /mcp 200",
    ) == [
        "challenge",
        "resource_metadata",
        "server_metadata",
        "registration",
        "authorization",
        "consent",
        "consent",
        "token",
        "session",
        "initialized",
        "stream",
        "close",
    ]


def test_endpoints_at_any_path() -> None:
    assert stages(
        "httpx POST / 401",
        "httpx GET /oauth/.well-known/openid-configuration 200",
        "httpx POST /wp-json/plug/v1/oauth/register 201",
        "firefox GET /oauth?action=authorize&client_id=a 302",
        "firefox POST /oauth?action=consent 200",
        "httpx POST /oauth?action=token 200",
        "httpx POST /oauth-register.php 201",
        "httpx POST /realms/main/clients-registrations/openid-connect 403",
        "firefox GET /realms/main/protocol/openid-connect/auth?response_type=code 200",
        "httpx POST /realms/main/protocol/openid-connect/token 200",
        "firefox GET /login/oauth/authorize?client_id=a&redirect_uri=b 302",
        "httpx POST /oauth2/v1/token 200",
        "claude POST /mcp-server/http 403",
        "claude POST /api/webhook/7 200",
    ) == [
        "challenge",
        "server_metadata",
        "registration",
        "authorization",
        "consent",
        "token",
        "registration",
        "registration",
        "authorization",
        "token",
        "authorization",
        "token",
        "session",
        "session",
    ]


def test_the_browser_is_followed_from_the_authorization_page() -> None:
    pages = [
        "firefox GET /login/v2/flow 200 at 198.51.100.7",
        "firefox POST /login/v2/grant 200 at 198.51.100.7",
        "firefox POST /api/oauth/zustimmen 200 at 198.51.100.7",
        "firefox GET /favicon.ico 404 at 198.51.100.7",
    ]
    assert stages(*pages) == [None, None, None, None]
    start = f"firefox GET /authorize?client_id=a&{CLAUDE} 200 at 198.51.100.7"
    assert stages(start, *pages)[1:] == ["consent", "consent", "consent", "other"]
    elsewhere = [page.replace("198.51.100.7", "198.51.100.8") for page in pages]
    assert stages(start, *elsewhere)[1:] == [None, None, None, None]


def test_a_page_below_the_authorization_endpoint_and_a_page_with_its_referer() -> None:
    assert stages(
        "firefox GET /tenant/authorize?client_id=a&redirect_uri=b 200 at 198.51.100.7",
        "firefox POST /tenant/submit 302 at 198.51.100.7",
        "firefox GET /tenant/logo.png 200 at 198.51.100.7",
        "firefox GET /welcome 200 at 198.51.100.9 from https://mcp.example.org/tenant/authorize?client_id=a",
        "firefox GET /style.css 200 at 198.51.100.9 from https://mcp.example.org/tenant/authorize?client_id=a",
        "firefox GET /welcome 200 at 198.51.100.9 from https://other.example.org/tenant/authorize?client_id=a",
        "firefox GET /welcome 200 at 198.51.100.9 from https://[",
    ) == ["authorization", "consent", "other", "consent", "other", None, None]


def test_a_following_ends_after_a_quarter_of_an_hour() -> None:
    classifier = Classifier(catalogue())
    classifier.classify(request("firefox GET /authorize?client_id=a&redirect_uri=b 200", 1))
    assert classifier.classify(request("firefox POST /login 302", 900)) is not None
    assert classifier.classify(request("firefox POST /login 302", 900 + 901)) is None


def test_ordinary_sites_have_registers_tokens_and_logins_too() -> None:
    assert (
        stages(
            "firefox POST /register 200",
            "firefox GET /register 200",
            "firefox POST /api/csrf/token 200",
            "firefox GET /login 200",
            "firefox GET /oauth/google/callback?code=1&state=2 302",
            "firefox GET /blog/oauth-explained 200",
            "firefox GET /docs/mcp-servers 200",
            "firefox GET /mcpanel/login 200",
            "firefox GET / 200",
            "node GET /api/items 200",
        )
        == [None] * 10
    )


def test_an_odd_path_is_an_mcp_endpoint_once_it_was_shown_to_be_one() -> None:
    assert stages("Mozilla/5.0 POST /hook/7 200") == [None]
    assert stages("node POST /hook/7 401", "Mozilla/5.0 POST /hook/7 200") == ["challenge", "session"]
    assert stages("node GET /.well-known/oauth-protected-resource/hook/7 200", "Mozilla/5.0 POST /hook/7 200")[1] == "session"
    assert stages("node GET /app/.well-known/oauth-protected-resource/rpc 200", "Mozilla/5.0 POST /app/rpc 200")[1] == "session"
    asked = "firefox GET /authorize?client_id=a&redirect_uri=b&resource=https%3A%2F%2Fmcp.example.org%2Fhook%2F7 302"
    assert stages(asked, "node POST /hook/7 200", "node GET /hook/7 200", "firefox GET /hook/7 200")[1:] == ["session", "stream", None]


def test_a_document_at_a_place_of_its_own_only_after_a_challenge() -> None:
    assert stages("- GET /custom/location.json 200") == [None]
    assert stages("node POST /mcp 401", "- GET /custom/location.json 200")[1] == "other"


def test_preflights_are_told_by_what_they_are_for() -> None:
    assert stages(
        "firefox OPTIONS /mcp 204",
        "firefox OPTIONS /.well-known/oauth-protected-resource 404",
        "firefox OPTIONS /token 404",
        "firefox OPTIONS /cart 204",
        "firefox OPTIONS /register 204",
        "firefox POST /register 201",
    ) == ["preflight", "preflight", "preflight", None, "preflight", "registration"]


def test_old_transport() -> None:
    assert stages("node GET /sse 200", "node POST /messages/?session_id=1 202", "node POST /sse 401") == ["stream", "session", "challenge"]


def test_reachability_checks() -> None:
    assert stages("httpx HEAD / 404", "- HEAD / 200", "gpt GET / 200", "node GET / 200", "httpx HEAD /mcp 200", "httpx HEAD /mcp 401") == [
        "probe",
        "probe",
        "probe",
        None,
        "probe",
        "challenge",
    ]


def test_noise_is_named_and_teaches_nothing() -> None:
    assert stages(
        "curl POST /mcp 401",
        "UptimeRobot/2.0 HEAD /mcp 401",
        "kube-probe/1.29 GET /health 200",
        "node POST /oauth/introspect 200",
        "node GET /.well-known/jwks.json 200",
        "curl GET / 200",
        "Mozilla/5.0_zgrab/0.x GET /.env 404",
        "curl POST /odd 401",
        "firefox POST /odd 200",
    ) == [
        "operator:challenge",
        "monitor:challenge",
        "health-check:other",
        "server-made:other",
        "server-made:other",
        None,
        None,
        None,
        None,
    ]


def test_a_browser_on_the_endpoint_is_a_visitor_unless_it_asked_for_leave() -> None:
    assert stages("firefox GET /mcp 401", "firefox OPTIONS /mcp 204", "firefox POST /mcp 200", "firefox GET /mcp 200") == [
        "operator:challenge",
        "preflight",
        "session",
        "stream",
    ]


def test_the_proxy_answered_instead_of_a_stream() -> None:
    assert stages("claude-code/2.0 GET /mcp 301", "claude-code/2.0 GET /mcp 502", "claude-code/2.0 GET /mcp 200") == ["session", "session", "stream"]


def test_logged_json_rpc_methods_refine_a_session() -> None:
    classifier = Classifier(catalogue())
    seen = []
    for method in ("initialize", "notifications/initialized", "server/discover", "tools/list", "tools/call", "subscriptions/listen", "ping"):
        event = classifier.classify(request("node POST /mcp 200", facts={"mcp_method": method}))
        assert event is not None
        seen.append(str(event.stage))
    assert seen == ["initialize", "initialized", "discover", "list", "call", "stream", "session"]


def test_loops() -> None:
    classifier = Classifier(catalogue())
    refresh = classifier.classify(request("node POST /token 200", facts={"grant_type": "refresh_token"}))
    scope = classifier.classify(request("node POST /mcp 403", facts={"www_authenticate": 'Bearer error="insufficient_scope"'}))
    refused = classifier.classify(request("node POST /mcp 401", authorization=True))
    assert [event and event.stage for event in (refresh, scope, refused)] == [Stage.REFRESH, Stage.STEP_UP, Stage.SESSION]


def test_the_operator_can_pin_what_cannot_be_guessed() -> None:
    options = Options(frozenset({"/rpc"}), {"/go": Stage.AUTHORIZATION})
    assert stages("firefox POST /rpc 200", "firefox GET /go 302", "firefox OPTIONS /go 204", options=options) == [
        "session",
        "authorization",
        "preflight",
    ]


def test_resource_and_redirect_of_an_authorization_request() -> None:
    (event,) = events(
        "firefox GET /authorize?client_id=a&redirect_uri=http%3A%2F%2Flocalhost%3A6274%2Foauth%2Fcallback&state=s&resource=https://H/mcp/ 302"
    )
    assert event is not None
    assert (event.redirect_host, event.resource, event.client, event.actor) == ("localhost:6274", "h/mcp", "inspector", "browser")


def test_the_referer_says_whose_consent_page_it_is() -> None:
    _, event = events(
        "firefox GET /authorize?client_id=a&redirect_uri=b&state=s 302",
        f"firefox POST /consent 302 from https://mcp.example.org/authorize?state=s&{CLAUDE}",
    )
    assert event is not None
    assert (event.stage, event.client, event.redirect_host) == (Stage.CONSENT, "claude", "claude.ai")


def test_a_resource_that_is_no_url_says_nothing() -> None:
    found = events("firefox GET /authorize?client_id=a&redirect_uri=b&resource=https://[ 302", "node POST /token?resource=x 200")
    assert [event and event.resource for event in found] == [None, None]


def test_a_flood_of_paths_is_forgotten_not_kept() -> None:
    classifier = Classifier(catalogue())
    for number in range(9000):
        classifier.classify(request(f"firefox GET /page/{number} 200"))
    assert len(classifier._shapes._memo) <= 8192


def test_resources() -> None:
    found = events(
        "node POST /api/mcp/ 401", "node GET /.well-known/oauth-protected-resource/api/mcp 200", "node GET /.well-known/oauth-protected-resource 200"
    )
    assert [event and event.resource for event in found] == ["mcp.example.org/api/mcp", "mcp.example.org/api/mcp", None]


@pytest.mark.parametrize(("role", "start", "end"), [("proxy", 8.0, 10.0), ("app", 10.0, 12.0)])
def test_a_proxy_writes_at_the_end_and_an_application_at_the_beginning(role: str, start: float, end: float) -> None:
    event = Classifier(catalogue()).classify(request("node POST /mcp 200", 10, role=role, duration=2.0))
    assert event is not None
    assert (event.started_at, event.at) == (start, end)


def test_a_request_without_a_time_takes_the_one_it_is_given() -> None:
    event = Classifier(catalogue()).classify(request("node POST /mcp 200", at=None), at=7.0)
    assert event is not None
    assert event.at == 7.0


def test_actors() -> None:
    found = events(
        "- POST /token 200",
        "- GET /authorize?client_id=a&redirect_uri=b 302",
        "- GET /.well-known/mcp.json 404",
        "curl POST /mcp 401",
        "node POST /mcp 401",
    )
    assert [event and event.actor for event in found] == ["backend", "browser", "unknown", "unknown", "backend"]


texts = st.text(max_size=60)


@given(
    st.lists(
        st.builds(
            Request,
            source=st.just("log"),
            line=st.integers(1, 9),
            end_line=st.just(9),
            at=st.one_of(st.none(), st.floats(0, 2e9)),
            coarse=st.booleans(),
            role=st.sampled_from(["proxy", "app"]),
            format=st.just("f"),
            method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", "DELETE", "PRI", ""]),
            path=st.one_of(texts, st.sampled_from(["/mcp", "/authorize", "/token", "/oauth/" * 70, "//"])),
            params=st.dictionaries(
                st.one_of(texts, st.sampled_from(["redirect_uri", "client_id", "resource", "action", "state"])), texts, max_size=4
            ),
            host=st.one_of(st.none(), texts),
            address=st.one_of(st.none(), texts),
            agent=st.one_of(st.none(), texts),
            status=st.one_of(st.none(), st.integers(0, 999)),
            duration=st.one_of(st.none(), st.floats(0, 1e6)),
            referer=st.one_of(st.none(), texts, st.just("https://[::1")),
            referer_params=st.dictionaries(texts, texts, max_size=2),
            facts=st.dictionaries(st.sampled_from(["client_name", "client_info", "mcp_method", "www_authenticate"]), texts, max_size=2),
        ),
        max_size=6,
    )
)
def test_nothing_makes_it_raise(requests: list[Request]) -> None:
    classifier = Classifier(catalogue())
    for one in requests:
        event = classifier.classify(one)
        assert event is None or event.at >= event.started_at
