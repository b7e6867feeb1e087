"""Runs every example of the catalogue, entry by entry, formats, diagnoses and alerts included. Must not print.

The examples of clients and stage rules are run by their own floor; here stand the runners that need the parsers, the judge and the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connwatch.alerts.policy import check_example, compile_policy
from connwatch.diagnose.judge import judge
from connwatch.diagnose.trail import read_trail
from connwatch.model.attempt import Attempt
from connwatch.model.errors import ConfigError
from connwatch.model.line import Line
from connwatch.model.record import Record, Unparsed
from connwatch.parse.redact import Redactor
from connwatch.parse.registry import make_parser
from connwatch.rules.catalogue import KINDS, Catalogue
from connwatch.rules.selfcheck import check_examples

__all__ = ["Checked", "check_catalogue"]

Example = Mapping[str, Any]


@dataclass(slots=True)
class Checked:
    """One entry, like "client claude": how many examples it has, and what went wrong with which (counted from 1)."""

    entry: str
    examples: int
    problems: list[str] = field(default_factory=list)


def check_catalogue(catalogue: Catalogue) -> list[Checked]:
    """Every entry that carries examples, in the catalogue's order. `catalogue` must have been loaded with its examples."""
    entries = {name: Checked(name, examples) for name, examples in _entries(catalogue)}
    for failure in check_examples(catalogue, formats=_Formats(catalogue), diagnoses=_Diagnoses(catalogue), alerts=_Alerts(catalogue)):
        entries.setdefault(failure.entry, Checked(failure.entry, 0)).problems.append(f"example {failure.number}: {failure.problem}")
    return list(entries.values())


def _entries(catalogue: Catalogue) -> Iterator[tuple[str, int]]:
    for kind, attribute in KINDS.items():
        for name, entry in getattr(catalogue, attribute).items():
            examples = entry.get("example", ()) if isinstance(entry, Mapping) else getattr(entry, "example", None)
            if examples is not None:  # methods and time limits have none
                yield f"{kind} {name}", len(examples)


@dataclass(frozen=True, slots=True)
class _Formats:
    catalogue: Catalogue

    def __call__(self, entry: Mapping[str, Any], example: Example) -> str:
        name = str(entry.get("id", ""))
        try:
            parser = make_parser(name, self.catalogue.formats, Redactor(b"example"))
        except ConfigError as error:
            return str(error)
        records = [*parser.parse(Line("example", 1, str(example.get("line", "")))), *parser.flush()]
        taken = [record for record in records if not isinstance(record, Unparsed)]
        if example.get("matches") is False:
            return "the line was taken" if taken else ""
        if not taken:
            return next((f"not taken: {record.reason}" for record in records if isinstance(record, Unparsed)), "no record came of it")
        return next(filter(None, (_differs(taken[0], key, wanted) for key, wanted in example.get("expect", {}).items())), "")


def _differs(record: Record, key: str, wanted: object) -> str:
    read = getattr(record, key, None)
    if isinstance(wanted, float) and isinstance(read, int | float):
        return "" if abs(read - wanted) <= 0.01 else f"{key} is {read!r}, not {wanted!r}"
    return "" if read == wanted else f"{key} is {read!r}, not {wanted!r}"


@dataclass(frozen=True, slots=True)
class _Diagnoses:
    catalogue: Catalogue

    def __call__(self, entry: Mapping[str, Any], example: Example) -> str:
        code = str(entry.get("code", ""))
        try:
            attempt = Attempt("example", read_trail(str(example.get("trail", "")), client=example.get("client")))
        except ConfigError as error:
            return str(error)
        judge(attempt, self.catalogue, now=None)
        codes = [diagnosis.code for diagnosis in attempt.diagnoses]
        found = ", ".join(codes) or "no diagnosis"
        if example.get("near_miss"):
            return f"was diagnosed: {found}" if codes[:1] == [code] else ""
        if code not in codes or (example.get("says") != "listed" and codes[0] != code):
            return f"gives {found}"
        for key, read in (("outcome", attempt.outcome.value), ("stuck", attempt.stuck_at)):
            if key in example and example[key] != read:
                return f"{key} is {read}, not {example[key]}"
        return ""


class _Alerts:
    def __init__(self, catalogue: Catalogue) -> None:
        self._policy = compile_policy(catalogue.alerts, catalogue.diagnoses)

    def __call__(self, entry: Mapping[str, Any], example: Example) -> str:
        return check_example(self._policy, str(entry["id"]), example)
