"""What is told of a request the moment its line is read."""

from __future__ import annotations

from dataclasses import replace

from connwatch.model.event import Stage
from connwatch.model.record import Detail, Request
from connwatch.model.taken import Taken
from connwatch.rules.glance import Glance
from connwatch.rules.stages import Options
from support.said import catalogue

T = 1_795_500_000.0
LINE = Request("nginx", 7, 7, T, False, "proxy", "nginx-proxy", "POST", "/mcp", host="mcp.example.org", agent="Claude-User", status=401)


def glance(*taken: Taken) -> list[tuple[str, str, Stage, int | None]]:
    return [(one.client, one.server, one.stage, one.line) for one in Glance(catalogue(), Options()).at(taken)]


def test_a_live_request_is_told_with_its_client_and_stage() -> None:
    assert glance(Taken("nginx", LINE, T)) == [("claude", "mcp.example.org", Stage.CHALLENGE, 7)]


def test_a_backlog_is_not_news() -> None:
    assert glance(Taken("nginx", LINE, None)) == []


def test_what_is_about_no_connector_or_is_noise_is_passed_over() -> None:
    page = replace(LINE, method="GET", path="/blog/3", agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", status=200)
    monitor = replace(LINE, method="GET", path="/mcp", agent="UptimeRobot/2.0")
    assert glance(Taken("nginx", page, T), Taken("nginx", monitor, T)) == []


def test_of_two_logs_the_proxys_line_is_told() -> None:
    app = replace(LINE, source="app", role="app", host=None, status=None)
    assert [one[3] for one in glance(Taken("app", replace(app, line=1), T), Taken("nginx", LINE, T), Taken("app", replace(app, line=2), T))] == [1, 7]


def test_more_about_a_request_is_no_request() -> None:
    assert glance(Taken("app", Detail("app", 3, 4, T, "coda-mcp", 1), T)) == []
