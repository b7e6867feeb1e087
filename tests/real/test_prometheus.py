"""The rules, the example configurations and the dashboards with a real Prometheus, a real Alertmanager and a daemon that sees real stalls."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from connwatch.daemon.played import recorded
from support.lines import proxy, story
from support.prometheus import DEPLOY, TOKEN, WINDOW, World, missing, wait, world

DASHBOARDS = DEPLOY.parent / "grafana" / "dashboards"
WHY = missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(WHY is not None, reason=str(WHY)), pytest.mark.timeout(180)]

# What may have no data here, by a part of the query, and why.
MAY_BE_EMPTY = {
    "restarted|recreated": "no program behind a log was restarted",
}
VARIABLES = {"$job": "connwatch", "$client": ".*", "$server": ".*", "$__rate_interval": "30s", "$__range": "5m"}


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three of claude's attempts stall after the token, beside the demonstration's mixed traffic at another server."""
    with world(tmp_path_factory.mktemp("prometheus")) as made:
        entries = recorded()
        start = time.time() - entries[-1].after - 600
        lines = {log: b"".join(entry.line(start + entry.after) for entry in entries if entry.log == log) for log in ("nginx-proxy", "coda-mcp")}
        lines["nginx-proxy"] += proxy(*(story(at, until=6) for at in (0.0, 60.0, 120.0)), base=time.time() - 560)
        for log, text in lines.items():  # at once each: a line that comes minutes after its stamp comes after the verdict
            with (made.folder / f"{log}.log").open("ab", buffering=0) as file:
                file.write(text)
        wait(lambda: made.now('connwatch_attempts_finished_total{client="claude",host="mcp.example.org",outcome="stalled"} == 3'))
        yield made


def test_an_alert_comes_with_its_runbook_and_ends(at_work: World) -> None:
    told = at_work.told
    alert = wait(lambda: told.of("ConnwatchConnectorFailing", "firing"))[0]
    assert alert["labels"] | {"instance": ""} == {
        "alertname": "ConnwatchConnectorFailing", "severity": "critical", "job": "connwatch", "instance": "",
        "client": "claude", "host": "mcp.example.org",
    }  # fmt: skip
    assert alert["annotations"]["summary"] == "claude cannot connect to mcp.example.org"
    assert "100%" in alert["annotations"]["description"]
    assert (DEPLOY.parents[1] / alert["annotations"]["runbook_url"]).is_file()
    why = {"instance": alert["labels"]["instance"], "step": "session", "cause": "token-unused"}
    assert wait(lambda: told.of("ConnwatchStepStalled", "firing", **why))
    assert wait(lambda: told.of("ConnwatchWatchdog", "firing", path="/alive"))
    assert wait(lambda: [title for title in told.messages if "Claude (hosted) → mcp.example.org: A token was issued" in title])
    assert wait(lambda: told.of("ConnwatchConnectorFailing", "resolved"))
    named = {one["labels"]["alertname"] for _, _, one in told.alerts if one["labels"].get("instance") == alert["labels"]["instance"]}
    assert not named & {"ConnwatchDown", "ConnwatchSourceDown", "ConnwatchUnparsedLinesHigh"}


def test_what_says_less_comes_only_when_what_says_more_is_over(at_work: World) -> None:
    told = at_work.told
    wait(lambda: told.of("ConnwatchNoRecentSuccess", "firing"))
    assert told.when("ConnwatchNoRecentSuccess", "firing") - told.when("ConnwatchConnectorFailing", "firing") > WINDOW / 2


def test_connectors_are_not_judged_while_a_source_is_down(at_work: World) -> None:
    labels = {"job": "connwatch", "instance": "elsewhere:9817"}
    sent = [
        {"labels": labels | {"alertname": "ConnwatchSourceDown", "source": "nginx-proxy"}},
        {"labels": labels | {"alertname": "ConnwatchStepStalled", "client": "claude"}},
        {"labels": labels | {"alertname": "ConnwatchReloadFailed"}},
        {"labels": labels | {"alertname": "ConnwatchStepStalled", "client": "claude", "instance": "healthy:9817"}},
    ]
    request = urllib.request.Request(f"{at_work.alertmanager}/api/v2/alerts", json.dumps(sent).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10):
        pass

    def silent() -> set[tuple[str, str]]:
        with urllib.request.urlopen(f"{at_work.alertmanager}/api/v2/alerts", timeout=10) as answer:
            known = json.load(answer)
        return {(one["labels"]["alertname"], one["labels"].get("instance", "")) for one in known if one["status"]["inhibitedBy"]}

    wait(lambda: ("ConnwatchStepStalled", "elsewhere:9817") in silent())
    wait(lambda: at_work.told.of("ConnwatchStepStalled", "firing", instance="healthy:9817"))
    assert not {("ConnwatchReloadFailed", "elsewhere:9817"), ("ConnwatchStepStalled", "healthy:9817")} & silent()


def test_every_rule_is_evaluated_without_complaint(at_work: World) -> None:
    wait(lambda: all(rule["health"] != "unknown" for group in at_work.ask("rules")["groups"] for rule in group["rules"]))
    rules = [rule for group in at_work.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(re.findall(r"- (?:alert|record):", "".join(path.read_text() for path in (DEPLOY / "rules").glob("*.yml"))))
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_every_metric_that_rules_and_dashboards_name_is_there(at_work: World) -> None:
    said = [rule["query"] for group in at_work.ask("rules")["groups"] for rule in group["rules"]] + [expr for _, expr in queries()]
    named = {name for expr in said for name in re.findall(r"\b(?:\w+:)?(?:connwatch|process)_\w+(?::\w+)?", expr)}
    assert len(named) > 30
    wanted = {name for name in named if not any(part in name for part in MAY_BE_EMPTY)}
    wait(lambda: wanted <= set(at_work.ask("label/__name__/values")), 20)


def queries() -> list[tuple[str, str]]:
    """Title and query of every panel and annotation, with Grafana's variables filled in."""
    found = []
    for path in sorted(DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        found += [(f"{board['title']}: {panel['title']}", target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]
        found += [(f"{board['title']}: {note['name']}", note["expr"]) for note in board["annotations"]["list"]]
    return [(title, _filled(expr)) for title, expr in found]


def _filled(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, expr
    return expr


def test_every_query_of_the_dashboards_has_data(at_work: World) -> None:
    def without() -> list[tuple[str, str]]:
        end = time.time()
        return [(title, expr) for title, expr in queries() if not _data(at_work.ask("query_range", query=expr, start=end - 120, end=end, step="1s"))]

    def unexpected() -> list[tuple[str, str]]:
        return [(title, expr) for title, expr in without() if not any(part in expr for part in MAY_BE_EMPTY)]

    assert len(queries()) > 50
    give_up = time.monotonic() + 30
    while unexpected() and time.monotonic() < give_up:
        time.sleep(1)
    assert unexpected() == []


def _data(answer: dict[str, Any]) -> list[str]:
    return [value for series in answer["result"] for _, value in series["values"] if value != "NaN"]


def test_the_variables_of_the_dashboards_have_values(at_work: World) -> None:
    for path in DASHBOARDS.glob("*.json"):
        for one in json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]:
            if one["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", one["query"]["query"]).groups()  # type: ignore[union-attr]
                assert at_work.ask(f"label/{label}/values", **{"match[]": _filled(series)}), one["name"]


def test_exemplars_lead_to_attempts(at_work: World) -> None:
    query = 'connwatch_stalls_total{client="claude",cause="token-unused"}'
    found = wait(lambda: at_work.ask("query_exemplars", query=query, start=time.time() - 600, end=time.time() + 600))
    identity = found[0]["exemplars"][0]["labels"]["attempt_id"]
    request = urllib.request.Request(f"{at_work.daemon}/api/attempts/{identity}", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["stuck_at"] == "session"
