"""Diagnoses as data: entries of the catalogue compiled to questions about a folded attempt, and asked.

An entry has one or more cases; a case is a set of predicates from a closed vocabulary (`predicates`) and a confidence. The best case
that holds makes the diagnosis. Texts may name fields in braces, from the closed list of `wording`. Nothing here decides outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connwatch.diagnose.evidence import SELECTORS, evidence_of
from connwatch.diagnose.predicates import STOPS, Predicate, compile_when
from connwatch.diagnose.view import View
from connwatch.diagnose.wording import check_template, fill
from connwatch.model.diagnosis import Diagnosis
from connwatch.model.errors import ConfigError
from connwatch.model.nearest import nearest

__all__ = ["Index", "Rule", "compile_rules", "diagnose"]

_DOUBT: Final = 0.6  # what a confidence is worth where lines were shared out by counting
_AMBIGUOUS: Final = 0.8  # and where the decisive line itself may be another attempt's
_NOWHERE: Final = "nowhere"  # in `stuck_at`: may be remarked on an attempt that went well
_KEYS: Final = {"code", "title", "stuck_at", "summary", "remedy", "refuted_by", "checks", "see", "evidence", "case", "example", "note"}
_PREMISES: Final = frozenset({"kind", "stuck", "place", "status"})  # words that ask for nothing but what `Index` goes by
_MEMO_LIMIT: Final = 4096
_TEXTS: Final = ("title", "summary", "remedy", "refuted_by")


@dataclass(frozen=True, slots=True)
class Case:
    """One way to recognise a diagnosis: `premise` and `holds` together. `summary` replaces the entry's where the case can say more."""

    confidence: float
    premise: Predicate
    holds: Predicate
    summary: str
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A diagnosis that can be made."""

    code: str
    title: str
    stuck_at: frozenset[str]
    summary: str
    remedy: str
    refuted_by: str
    checks: tuple[str, ...]
    see: tuple[str, ...]
    evidence: tuple[str, ...]
    cases: tuple[Case, ...]


def compile_rules(entries: Mapping[str, Mapping[str, Any]]) -> list[Rule]:
    """Compile the catalogue's raw entries, in order. Raises ConfigError that names the entry and the key."""
    return [_rule(code, entry) for code, entry in entries.items()]


class Index:
    """The rules, found by what most of their cases ask first: where and how the attempt ended. Answers are remembered (bounded)."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._memo: dict[tuple[str | None, str, str, int | None], list[tuple[Rule, list[Case]]]] = {}

    def possible(self, view: View) -> list[tuple[Rule, list[Case]]]:
        """The rules that can hold, in order, each with its cases whose premise holds, the surest first."""
        verdict = view.verdict
        key = verdict.stuck, verdict.kind, verdict.place, None if verdict.event is None else verdict.event.status
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            known = self._memo[key] = self._find(view)
        return known

    def _find(self, view: View) -> list[tuple[Rule, list[Case]]]:
        stuck = view.verdict.stuck or _NOWHERE
        found = [(rule, [case for case in rule.cases if case.premise(view)]) for rule in self._rules if stuck in rule.stuck_at]
        return [(rule, sorted(cases, key=lambda case: -case.confidence)) for rule, cases in found if cases]


def diagnose(view: View, index: Index) -> list[Diagnosis]:
    """All diagnoses that hold, the likeliest first. Equal confidences keep the catalogue's order."""
    found: list[Diagnosis] = []
    factor = (_DOUBT if view.attempt.group else 1.0) * (_AMBIGUOUS if view.ambiguous else 1.0)
    for rule, cases in index.possible(view):
        for best in cases:
            if best.holds(view):
                break
        else:
            continue
        summary = fill(best.summary or rule.summary, view)
        if factor < 1.0:
            summary += " " + view.doubt()
        found.append(
            Diagnosis(
                code=rule.code,
                confidence=round(best.confidence * factor, 2),
                summary=summary,
                remedy=fill(rule.remedy, view),
                refuted_by=fill(rule.refuted_by, view),
                evidence=evidence_of(view, rule.evidence),
                checks=[fill(text, view) for text in (*best.checks, *rule.checks)],
                see=list(rule.see),
            )
        )
    found.sort(key=lambda diagnosis: -diagnosis.confidence)
    return found


def _rule(code: str, entry: Mapping[str, Any]) -> Rule:
    where = f"diagnosis {code}"
    for key in entry:
        if key not in _KEYS:
            raise ConfigError("unknown key", file=where, key=key, hint=f"known: {', '.join(sorted(_KEYS))}")
    texts = {}
    for key in _TEXTS:
        value = entry.get(key)
        if not isinstance(value, str) or not value:
            raise ConfigError("must be a text", file=where, key=key, hint=f'add {key} = "…"')
        check_template(value, where, key)
        texts[key] = value
    evidence = _list(entry, "evidence", where) or ("decisive",)
    for selector in evidence:
        if selector not in SELECTORS:
            raise ConfigError(f"unknown selector {selector!r}", file=where, key="evidence", hint=f"known: {', '.join(SELECTORS)}")
    cases = entry.get("case")
    if not isinstance(cases, list) or not cases:
        raise ConfigError("needs at least one case", file=where, key="case", hint="add [[diagnosis.case]]")
    stuck_at = _list(entry, "stuck_at", where)
    for stop in stuck_at:
        if stop not in STOPS:
            raise ConfigError(f"unknown stage {stop!r}", file=where, key="stuck_at", hint=nearest(stop, STOPS) or f"known: {', '.join(STOPS)}")
    return Rule(
        code=code,
        stuck_at=frozenset(stuck_at),
        checks=_templates(entry, "checks", where),
        see=_list(entry, "see", where),
        evidence=evidence,
        cases=tuple(_case(case, where, f"case[{number}]") for number, case in enumerate(cases)),
        **texts,
    )


def _case(case: Any, where: str, key: str) -> Case:
    if not isinstance(case, Mapping) or not set(case) <= {"confidence", "when", "summary", "checks", "note"}:
        raise ConfigError("unknown key", file=where, key=key, hint="known: checks, confidence, note, summary, when")
    confidence = case.get("confidence")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float) or not 0 < confidence <= 1:
        raise ConfigError("must be above 0 and at most 1", file=where, key=f"{key}.confidence", hint="confidence = 0.7")
    summary = case.get("summary", "")
    if not isinstance(summary, str):
        raise ConfigError("must be a text", file=where, key=f"{key}.summary", hint='summary = "…"')
    check_template(summary, where, f"{key}.summary")
    when = case.get("when", {})
    premise: dict[str, Any] = {}
    if isinstance(when, Mapping):
        premise = {word: value for word, value in when.items() if word in _PREMISES}
        when = {word: value for word, value in when.items() if word not in _PREMISES}
    compiled = compile_when(premise, where, f"{key}.when"), compile_when(when, where, f"{key}.when")
    return Case(float(confidence), *compiled, summary, _templates(case, "checks", where))


def _list(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError("must be an array of strings", file=where, key=key, hint=f'{key} = ["…"]')
    return tuple(value)


def _templates(entry: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    texts = _list(entry, key, where)
    for text in texts:
        check_template(text, where, key)
    return texts
