"""How right the alerts are: every capture and field case through `connwatch alerts --preview`, compared with recorded truth.

A message is right when an attempt that it is about did go wrong, wrong when all of them went well or were none, and unstated where truth says
nothing. An attempt that went wrong is told, or joined (its lines are in a message about another one), or there is a reason that it was not, or
it was missed: nobody took it for a failure.
"""

from __future__ import annotations

import importlib.util
import json
import pathlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from connwatch.alerts.policy import compile_policy
from connwatch.alerts.preview import Preview, preview
from connwatch.cli.previewing import turns_of_logs
from connwatch.engine import Engine, EngineOptions
from connwatch.model.attempt import Attempt
from connwatch.rules.catalogue import Catalogue
from connwatch.settings.loader import load_catalogue
from connwatch.sources.finished import Finished

LATENESS = 2.0
REASONS = {"first-of-its-kind": "held", "never": "never", "recovered": "mended", "withdrawn": "mended", "inhibited": "inhibited"}
COLUMNS = ("attempts", "bad", "messages", "right", "unstated", "wrong", "told", "joined", "mended", "held", "never", "missed")
Place = tuple[str, int]


def _scorer(cases: pathlib.Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", cases / "tools" / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _previewed(catalogue: Catalogue, files: Sequence[tuple[pathlib.Path, str]]) -> Preview:
    inputs = [Finished(str(path), form) for path, form in files]
    for one in inputs:
        one.open()
    turns = turns_of_logs(Engine(catalogue, EngineOptions(live=True)), inputs, LATENESS)
    return preview(compile_policy(catalogue.alerts, catalogue.diagnoses), turns)


def _places(attempt: Attempt) -> set[Place]:
    evidence = [one for step in attempt.steps for one in step.event.evidence]
    return {(pathlib.Path(one.source).name, line) for one in evidence for line in range(one.line, one.end_line + 1)}


def count(found: Preview, truth: Mapping[str, tuple[bool | None, set[Place]]]) -> Counter[str]:
    """`truth`: for each true attempt whether it went well (None: not stated) and its lines."""
    tally: Counter[str] = Counter(attempts=len(truth), bad=sum(well is False for well, _ in truth.values()), messages=len(found.notices))

    def true_of(name: str) -> str | None:
        lines = _places(found.attempts[name])
        best = max(truth, key=lambda one: len(truth[one][1] & lines), default=None)
        return best if best is not None and truth[best][1] & lines else None

    for notice in found.notices:
        said = [truth[best][0] if (best := true_of(name)) is not None else True for entry in notice.entries for name in entry.attempts]
        tally["right" if False in said else "unstated" if None in said else "wrong"] += 1
    outcome: dict[str, str] = {}
    in_messages: set[Place] = set()
    told = {alert.key for alert in found.alerts.values() if alert.told_at is not None}
    reasons = {alert.key: next((REASONS.get(one, one) for one in alert.reasons), "held") for alert in found.alerts.values()}
    for name, attempt in found.attempts.items():
        best = true_of(name)
        code = attempt.diagnoses[0].code if attempt.diagnoses else "unexplained"
        key = (attempt.client, attempt.server, attempt.stuck_at or "nowhere", code)
        if best is not None and key in reasons and (outcome.get(best) != "told"):
            outcome[best] = "told" if key in told else reasons[key]
        if key in told:
            in_messages |= _places(attempt)
    for name, (well, lines) in truth.items():
        if well is False:
            tally[outcome.get(name, "joined" if lines and lines <= in_messages else "missed")] += 1
    return tally


def captures(cases: pathlib.Path) -> Counter[str]:
    """All captures, both logs."""
    catalogue, total = load_catalogue(), Counter[str]()
    for folder in sorted((cases / "cases" / "captures").iterdir()):
        truth = json.loads((folder / "truth.json").read_text())
        files = [(folder / source["file"], source["format"]) for source in truth["sources"] if (folder / source["file"]).stat().st_size]
        if files:
            total += count(_previewed(catalogue, files), {name: (one["expect"].get("ok"), _lines(one)) for name, one in truth["attempts"].items()})
    return total


def _lines(attempt: Mapping[str, Any]) -> set[Place]:
    return {(file, line) for file, lines in attempt["lines"].items() for line in lines}


def field(cases: pathlib.Path) -> Counter[str]:
    """All field cases: one attempt each, on the proxy's log alone."""
    catalogue, scorer, total = load_catalogue(), _scorer(cases), Counter[str]()
    for line in (cases / "cases" / "field.jsonl").read_text().splitlines():
        case = json.loads(line)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "access.log"
            text = scorer.field_log(case)
            path.write_text(text)
            if text.strip():
                lines = {("access.log", number) for number in range(1, text.count("\n") + 1)}
                total += count(_previewed(catalogue, [(path, "nginx-proxy")]), {case["id"]: (case["expect"].get("ok"), lines)})
    return total


def table(cases: pathlib.Path) -> tuple[str, dict[str, Counter[str]]]:
    """The table for the documentation, and the counts behind it."""
    found = {"recorded captures, both logs": captures(cases), "field cases, one attempt each": field(cases)}
    rows = ["| | " + " | ".join(COLUMNS) + " |", "| --- |" + " ---: |" * len(COLUMNS)]
    rows += [f"| {name} | " + " | ".join(str(tally[column]) for column in COLUMNS) + " |" for name, tally in found.items()]
    return "\n".join(rows), found


if __name__ == "__main__":
    import sys

    print(table(pathlib.Path(sys.argv[1]))[0])
