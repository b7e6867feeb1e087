"""Alerts, their pages, their table, the links of the dashboards: each names what is there, and nothing is left out."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from connwatch.cli.main import cli
from connwatch.sinks.labels import STEPS

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
TRIED = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "deploy" / "prometheus" / "tests").glob("*.yml")))
BOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PAGES = sorted((ROOT / "docs" / "runbooks").glob("Connwatch*.md"))
INDEX = ROOT / "docs" / "runbooks" / "README.md"
MONITORING = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
SECTIONS = ["What it means", "How to look", "Causes, and how to tell them apart", "What to do", "How to silence it"]
ALERTS = dict(re.findall(r"- alert: (\w+)\n(.*?)(?=\n\n|\n +- alert|\Z)", (RULES / "connwatch-alerts.yml").read_text(encoding="utf-8"), re.DOTALL))


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert len(ALERTS) == 11
    assert {page.stem for page in PAGES} == set(ALERTS)
    assert set(re.findall(r"\[(Connwatch\w+)\]\(", INDEX.read_text(encoding="utf-8"))) == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_and_where_to_read_on(name: str) -> None:
    body = ALERTS[name]
    assert re.search(r"severity: (critical|warning|none)\b", body)
    for part in ("summary: '", "description: '"):
        assert part in body
    assert f"runbook_url: docs/runbooks/{name}.md" in body
    assert "for: " in body or name == "ConnwatchWatchdog"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_tried_where_it_fires_and_where_it_only_just_does_not(name: str) -> None:
    assert re.search(rf"alertname: {name}\n +eval_time: \w+[^\n]*\n +exp_alerts:(?: \[\{{|\n)", TRIED), "nowhere does it fire"
    assert name == "ConnwatchWatchdog" or re.search(rf"alertname: {name}, eval_time: \w+, exp_alerts: \[\]", TRIED), "it is never silent"


def test_the_table_shows_the_alerts_as_they_are() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(runbooks/\w+\.md\) \| (\w+) \|.*\| (\w+) \|$", MONITORING, re.MULTILINE)
    said = [(name, re.search(r"severity: (\w+)", body), re.search(r"for: (\w+)", body)) for name, body in ALERTS.items()]
    assert sorted(rows) == sorted((name, severity[1] if severity else "", after[1] if after else "0m") for name, severity, after in said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_answers_all_questions(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == SECTIONS
    assert text.startswith(f"# {page.stem}\n")
    assert page.stem == "ConnwatchWatchdog" or f"alertname={page.stem}" in text


@pytest.mark.parametrize("page", [*PAGES, INDEX], ids=lambda page: page.stem)
def test_links_are_alive_and_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        assert (page.parent / target).exists(), target
    for line in re.findall(r"^connwatch [^#\n]*", text, re.MULTILINE):
        words = line.split()
        command = cli.get_command(click.Context(cli), words[1])
        assert command is not None, line
        known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known, line


def test_metrics_that_pages_and_alerts_name_are_those_of_the_metrics_page() -> None:
    written = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    texts = [*(page.read_text(encoding="utf-8") for page in [*PAGES, *RULES.glob("*.yml")]), MONITORING]
    named = {name for text in texts for name in re.findall(r"(?<![:\w])connwatch_\w+(?![:\w])", text)} - {"connwatch_notifications"}
    assert len(named) > 10
    assert {name for name in named if f"`{name}`" not in written} == set()


def test_the_dashboards_are_those_of_their_script() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "dashboards.py"), "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_read(path: Path) -> None:
    board = json.loads(path.read_text(encoding="utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["targets"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(link["url"] == f"docs/runbooks/{link['title']}.md" and link["title"] in ALERTS for link in panel["links"])
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_example_data_source_fits_the_other_examples() -> None:
    folder = ROOT / "deploy" / "grafana" / "provisioning"
    (source,) = (folder / "datasources").glob("*.y*ml")
    (boards,) = (folder / "dashboards").glob("*.y*ml")
    text, scraping = source.read_text(encoding="utf-8"), (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8")
    assert re.findall(r"timeInterval: (\w+)", text) == re.findall(r"scrape_interval: (\w+)", scraping)
    (page,) = re.findall(r"url: (http://\S+)/#\$\$\{__value.raw\}", text)
    assert page.removeprefix("http://") in re.findall(r"targets: \['([^']+)'\]", scraping)
    assert re.findall(r"- name: (\w+)\n +url", text) == ["attempt_id"]
    assert "type: file" in boards.read_text(encoding="utf-8")


def test_the_funnel_has_every_step() -> None:
    board = json.loads(BOARDS[1].read_text(encoding="utf-8"))
    (funnel,) = (panel for panel in board["panels"] if panel["title"] == "Steps that were reached")
    assert [target["legendFormat"] for target in funnel["targets"]] == list(STEPS)


@pytest.mark.real
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_and_amtool_object_to_nothing() -> None:
    done = subprocess.run([str(ROOT / "tools" / "check_rules.sh")], capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.real
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_links_can_be_made_of_the_paths_as_the_page_says(tmp_path: Path) -> None:
    (change,) = re.findall(r"sed -i '([^']+)' /etc", MONITORING)
    for path in [*RULES.glob("*.yml"), *BOARDS]:
        shutil.copy(path, tmp_path)
    files = [str(path) for path in tmp_path.iterdir()]
    subprocess.run(["sed", "-i", change, *files], timeout=30, check=True)
    made = (tmp_path / "connwatch-alerts.yml").read_text(encoding="utf-8")
    assert len(re.findall(r"runbook_url: https://\S+/docs/runbooks/Connwatch\w+\.md", made)) == len(ALERTS)
    rules = [str(path) for path in tmp_path.glob("*.yml")]
    done = subprocess.run(["promtool", "check", "rules", *rules], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for path in tmp_path.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        json.loads(text)
        assert '"url": "docs/' not in text
