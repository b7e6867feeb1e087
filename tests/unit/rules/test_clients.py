"""Who is it? Agents, redirects, names, ranges, and what outweighs what."""

from __future__ import annotations

import pytest

from connwatch.model.event import Event
from connwatch.rules.agents import Agents
from connwatch.rules.clients import Families, redirect_host, resolve_family
from connwatch.rules.stages import Classifier
from support.said import catalogue, events, request


def family(*lines: str) -> str:
    return resolve_family(event for event in events(*lines) if event is not None)


@pytest.mark.parametrize(
    ("agent", "kind", "named", "noise"),
    [
        ("claude-code/2.1.204 (cli)", "connector", "claude-code", ""),
        ("CLAUDE-USER", "connector", "claude", ""),
        ("Claude-User/1.0", "connector", "claude", ""),
        ("Claude-UserBot/1.0", "library", None, ""),
        ("openai-mcp/1.0.0 (Codex)", "connector", "chatgpt", ""),
        ("Mozilla/5.0 (compatible; ClaudeBot/1.0)", "noise", None, "crawler"),
        ("Mozilla/5.0 (X11)", "browser", None, ""),
        ("node", "library", None, ""),
        ("nodejs-something", "library", None, ""),
        ("my-own-client/0.1", "library", None, ""),
        ("ELB-HealthChecker/2.0", "noise", None, "health-check"),
        ("MCP Connector: Claude", "noise", None, "server-made"),
        ("-", "absent", None, ""),
        ("", "absent", None, ""),
        (None, "absent", None, ""),
    ],
)
def test_agents(agent: str | None, kind: str, named: str | None, noise: str) -> None:
    profile = Agents(catalogue()).profile(agent)
    assert (profile.kind, profile.named, profile.noise) == (kind, named, noise)


def test_agents_are_remembered_within_bounds() -> None:
    agents = Agents(catalogue())
    for number in range(20_000):
        agents.profile(f"node-{number}")
    assert len(agents._memo) <= 8192


def test_a_library_only_suggests() -> None:
    (event,) = events("httpx POST /mcp 401")
    assert event is not None
    assert (event.client, event.hint) == (None, "claude")
    assert family("httpx POST /mcp 401") == "claude"
    assert family("node POST /mcp 401") == "other"
    assert family("python-httpx2/2.16.2 POST /mcp 401") == "other"


def test_a_redirect_outweighs_the_library_that_carries_the_flow() -> None:
    assert (
        family("httpx POST /mcp 401", "firefox GET /authorize?client_id=a&redirect_uri=http%3A%2F%2Flocalhost%3A6274%2Foauth%2Fcallback 302")
        == "inspector"
    )


def test_a_products_own_agent_outweighs_a_redirect() -> None:
    asked = "firefox GET /authorize?client_id=a&redirect_uri=https%3A%2F%2Fclaude.ai%2Fapi%2Fmcp%2Fauth_callback 302"
    assert family("claude-code/2.0.37 POST /mcp 401", asked) == "claude-code"
    assert (
        family("Claude-User POST /mcp 401", asked.replace("claude.ai%2Fapi%2Fmcp%2Fauth_callback", "chatgpt.com%2Fconnector%2Foauth%2Fx1"))
        == "chatgpt"
    )


def test_a_metadata_document_outweighs_everything() -> None:
    asked = "firefox GET /authorize?client_id=https://claude.ai/oauth/claude-code-client-metadata&redirect_uri=http://localhost:5/callback 302"
    assert family("claude POST /mcp 401", asked) == "claude-code"


def test_names_in_the_servers_log() -> None:
    families = Families(catalogue())
    assert families.of_name("Claude") == "claude"
    assert families.of_name("Anthropic/ClaudeAI") == "claude"
    assert families.of_name("claude-code 2.0.73") == "claude-code"
    assert families.of_name("cursor-vscode (1.0.0)") == "cursor"
    assert families.of_name("openai-mcp/1.0.0") == "chatgpt"
    assert families.of_name("Claudette") is None


def test_an_address_is_the_weakest_hint() -> None:
    (event,) = events("- POST /mcp 401 at 160.79.106.35")
    assert event is not None
    assert (event.hint, event.facts["hint_by"]) == ("claude", "address")
    (browser,) = events("firefox GET /authorize?client_id=a&redirect_uri=b 302 at 160.79.106.35")
    assert browser is not None
    assert browser.hint is None
    families = Families(catalogue())
    assert [families.of_address(text) for text in ("160.79.104.1", "160.79.104.1", "192.0.2.1", "2001:db8::1", "unix:")] == [
        "claude",
        "claude",
        None,
        None,
        None,
    ]


def test_a_page_fetched_for_a_user_names_nobody() -> None:
    assert events("claude GET /blog 200") == [None]


@pytest.mark.parametrize(
    ("redirect", "host"),
    [
        ("https://Claude.ai/api/mcp/auth_callback", "claude.ai"),
        ("http://localhost:3334/oauth/callback", "localhost:3334"),
        ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://anysphere.cursor-mcp"),
        ("com.example.app:/cb", None),
        ("http://[", None),
        ("", None),
        (None, None),
    ],
)
def test_redirect_hosts(redirect: str | None, host: str | None) -> None:
    assert redirect_host(redirect) == host


def test_the_more_frequent_of_two_equal_grounds_wins() -> None:
    both: list[Event | None] = events("gpt POST /mcp 200", "claude-code/2 POST /mcp 200", "claude-code/2 POST /mcp 200")
    assert resolve_family(event for event in both if event is not None) == "claude-code"
    assert resolve_family([]) == "other"


def test_names_and_infos_that_a_servers_log_gives_count_as_evidence() -> None:
    classifier = Classifier(catalogue())
    named = classifier.classify(request("node POST /mcp 200", facts={"client_info": "cursor-vscode 1.0.0"}))
    unnamed = classifier.classify(request("node POST /mcp 200", facts={"client_info": "my-agent 1.0"}))
    assert [event and (event.client, event.facts.get("client_by")) for event in (named, unnamed)] == [("cursor", "name"), (None, None)]


def test_the_address_book_is_bounded() -> None:
    families = Families(catalogue())
    for number in range(9000):
        families.of_address(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(families._addresses) <= 8192


def test_the_vendors_site_as_referer_is_a_hint() -> None:
    (event,) = events("firefox GET /authorize?client_id=a&redirect_uri=b 302 from https://claude.ai/")
    assert event is not None
    assert (event.hint, event.facts["hint_by"]) == ("claude", "referer")
    (broken,) = events("firefox GET /authorize?client_id=a&redirect_uri=b 302 from https://[")
    assert broken is not None
    assert broken.hint is None
