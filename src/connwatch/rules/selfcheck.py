"""Runs the catalogue's own examples: every entry must take its positive ones and leave its near misses. Used by `check` and the tests.

Must not know how formats, diagnoses and alerts work: their floors hand in a function that runs one example of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from connwatch.model.event import Event, Stage
from connwatch.model.record import Request
from connwatch.rules.agents import Agents
from connwatch.rules.catalogue import Catalogue, Client, NoiseRule, StageRule
from connwatch.rules.shapes import Shapes
from connwatch.rules.stages import Classifier

__all__ = ["Failure", "check_examples", "uncovered"]

Example = Mapping[str, Any]
Runner = Callable[[Mapping[str, Any], Example], str]
"""Runs one example of an entry; returns "" when it does what it says, else what went wrong."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An example that does not do what it says, or an entry that lacks one. `entry` is like "client claude", `number` counts from 1."""

    entry: str
    number: int
    problem: str


def check_examples(
    catalogue: Catalogue, *, formats: Runner | None = None, diagnoses: Runner | None = None, alerts: Runner | None = None
) -> list[Failure]:
    """Run every example; an empty list means that all is well."""
    runners: list[tuple[str, Iterable[Any], Callable[[Any, Example], str]]] = [
        ("client", catalogue.clients.values(), _Clients(catalogue)),
        ("stage", catalogue.stages.values(), _Stages(catalogue)),
        ("noise", catalogue.noise.values(), _Noise(catalogue)),
        ("agent", catalogue.agents.values(), _Agents(catalogue)),
    ]
    failures: list[Failure] = []
    for kind, entries, run in runners:
        for entry in entries:
            failures.extend(_run(f"{kind} {entry.id}", entry, entry.example, run))
    raws = (("format", catalogue.formats, formats), ("diagnosis", catalogue.diagnoses, diagnoses), ("alert", catalogue.alerts, alerts))
    for kind, table, runner in raws:
        if runner is not None:
            for name, raw in table.items():
                failures.extend(_run(f"{kind} {name}", raw, _raw_examples(raw), runner))
    return failures


def uncovered(catalogue: Catalogue) -> list[Failure]:
    """Entries without a positive example or without a near miss."""
    entries: list[tuple[str, Iterable[Example]]] = []
    for kind, table in (("client", catalogue.clients), ("stage", catalogue.stages), ("noise", catalogue.noise), ("agent", catalogue.agents)):
        entries.extend((f"{kind} {entry.id}", entry.example) for entry in table.values())
    for kind, raws in (("format", catalogue.formats), ("diagnosis", catalogue.diagnoses), ("alert", catalogue.alerts)):
        entries.extend((f"{kind} {name}", _raw_examples(raw)) for name, raw in raws.items())
    missing = []
    for name, examples in entries:
        near = [_near_miss(example) for example in examples]
        if all(near):
            missing.append(Failure(name, 0, "has no positive example"))
        if not any(near):
            missing.append(Failure(name, 0, "has no near miss"))
    return missing


def _near_miss(example: Example) -> bool:
    """Formats say `matches = false`, all others `near_miss`."""
    return bool(example.get("near_miss")) or example.get("matches") is False


def _raw_examples(raw: Mapping[str, Any]) -> list[Example]:
    examples = raw.get("example", [])
    return [example for example in examples if isinstance(example, Mapping)] if isinstance(examples, list) else []


def _run(name: str, entry: Any, examples: Iterable[Example], run: Callable[[Any, Example], str]) -> Iterator[Failure]:
    for number, example in enumerate(examples, 1):
        problem = run(entry, example)
        if problem:
            yield Failure(name, number, problem)


def _request(example: Example, text: str | None = None, line: int = 1) -> Request:
    method, _, target = (text or example.get("request") or f"{example.get('method', 'GET')} {example.get('path', '/')}").partition(" ")
    path, _, query = target.partition("?")
    params = dict(parse_qsl(query, keep_blank_values=True))
    params.update({name: example[name] for name in ("redirect_uri", "client_id") if name in example and text is None})
    facts = {name: example[name] for name in ("client_name", "client_info") if name in example}
    agent, address = example.get("agent"), example.get("address", "192.0.2.1")
    if text is not None and agent is None:
        agent = "Mozilla/5.0"
    return Request(
        source="example", line=line, end_line=line, at=float(line), coarse=False, role="proxy", format="example", method=method, path=path,
        params=params, host="mcp.example.org", address=address, agent=agent, status=example.get("status", 200) if text is None else 200, facts=facts,
    )  # fmt: skip


def _classified(catalogue: Catalogue, example: Example) -> Event | None:
    classifier = Classifier(catalogue)
    before = example.get("before", [])
    for line, text in enumerate(before, 1):
        classifier.classify(_request(example, text, line))
    return classifier.classify(_request(example, None, len(before) + 1))


@dataclass(frozen=True, slots=True)
class _Clients:
    catalogue: Catalogue

    def __call__(self, client: Client, example: Example) -> str:
        event = _classified(self.catalogue, example)
        named, hinted = (event.client, event.hint) if event is not None else (None, None)
        if example.get("near_miss"):
            return f"was taken for {client.family}" if client.family in (named, hinted) else ""
        if "expect" in example:
            return "" if named == example["expect"] == client.family else f"names {named}, not {example['expect']}"
        return "" if hinted == example.get("hint") == client.family and named is None else f"names {named}, hints at {hinted}"


@dataclass(frozen=True, slots=True)
class _Stages:
    catalogue: Catalogue

    def __call__(self, rule: StageRule, example: Example) -> str:
        request = _request(example)
        fits = rule in Shapes(self.catalogue).fitting(request.method, request.path, request.params)
        event = _classified(self.catalogue, example)
        if example.get("near_miss"):
            taken = fits and event is not None and (event.stage is Stage(rule.stage) or rule.stage == "session") and event.noise == rule.noise
            return f"was taken for {rule.stage}" if taken else ""
        if not fits:
            return "does not fit the rule"
        if event is None:
            return "gives no event"
        if rule.stage != "session" and event.stage is not Stage(rule.stage):
            return f"gives {event.stage}, not {rule.stage}"
        return "" if event.noise == rule.noise or not rule.noise else f"gives noise {event.noise!r}, not {rule.noise!r}"


@dataclass(frozen=True, slots=True)
class _Noise:
    catalogue: Catalogue

    def __call__(self, rule: NoiseRule, example: Example) -> str:
        found = Agents(self.catalogue).profile(example.get("agent")).noise
        if example.get("near_miss"):
            return f"was taken for {rule.noise}" if found == rule.noise else ""
        return "" if found == rule.noise else f"gives {found!r}, not {rule.noise!r}"


@dataclass(frozen=True, slots=True)
class _Agents:
    catalogue: Catalogue

    def __call__(self, rule: Any, example: Example) -> str:
        found = Agents(self.catalogue).profile(example.get("agent")).kind
        if example.get("near_miss"):
            return f"was taken for {rule.kind}" if found == rule.kind else ""
        return "" if found == rule.kind else f"is {found}, not {rule.kind}"
