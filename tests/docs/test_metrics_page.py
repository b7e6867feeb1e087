"""docs/metrics.md against what is exported: names, types, labels and meanings, in both directions."""

import re
from pathlib import Path

from connwatch.sinks.figures import Figures, Keeping, Reload, SourceFigures
from connwatch.sinks.labels import BUDGET, Labels
from connwatch.sinks.metrics import Metrics
from connwatch.sinks.requests import Requests
from connwatch.sinks.telling import ChannelFigures, TellingFigures, Tellings

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ENDING = {"counter": "_total", "info": "_info"}


def exported() -> set[tuple[str, str, tuple[str, ...], str]]:
    metrics = Metrics(Labels(["mcp.example.org"], [("session", "token-unused")], sources=1))
    metrics.remember({("claude", "mcp.example.org"): 1.0})
    Figures(
        metrics,
        open_attempts=list,
        sources=lambda: [SourceFigures("nginx-proxy", True, 1, 1, 1.0, 1.0)],
        changes_lost=lambda: 0,
        reload=lambda: Reload(True, 1.0),
        keeping=lambda: Keeping(True, 0),
        requests=Requests(metrics.labels).counts,
    )
    channels = [ChannelFigures("phone", 1, 1, 1, 1, 1.0)]
    metrics.add(Tellings(lambda: TellingFigures(channels, {"high": 1}, {"never": 1}, (1, 1))))
    found = set()
    for family in metrics.registry.collect():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found.add((family.name + ENDING.get(family.type, ""), family.type, tuple(sorted(labels)), family.documentation))
    return found


def shown() -> set[tuple[str, str, tuple[str, ...], str]]:
    rows = re.findall(r"^\| `((?:connwatch|process)_\w+)` \| (\w+) \| (.*?)\| (.*?) \|.*\|$", TEXT, re.MULTILINE)
    return {(name, kind, tuple(sorted(re.findall(r"`(\w+)`", labels))), meaning) for name, kind, labels, meaning in rows}


def test_the_page_shows_what_is_exported():
    assert len(exported()) > 20
    assert shown() == exported()


def test_metrics_that_are_named_elsewhere_exist():
    named = set(re.findall(r"\b(?:connwatch|process)_\w+", TEXT))
    assert named - {name for name, _, _, _ in exported()} == set()


def test_the_budget_is_the_one_of_the_program():
    assert f"at most {BUDGET:,} series" in TEXT
    assert f"Each host costs {Labels()._of_a_host()};" in TEXT
