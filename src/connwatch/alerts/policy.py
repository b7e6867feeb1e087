"""Which attempts people are told of, as data: the catalogue's alert entries, and the times by which telling goes. Knows no single alert.

The first entry that fits an attempt decides, in the order of `order`; an entry that names none is tried before the shipped ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, get_args

from connwatch.alerts.text import Severity
from connwatch.model.attempt import GOOD, Attempt, Outcome
from connwatch.model.errors import ConfigError
from connwatch.model.family import FAMILIES
from connwatch.model.nearest import nearest

__all__ = ["TELLABLE", "AlertRule", "Pace", "Policy", "Weight", "check_example", "compile_policy"]

Weight = Severity | Literal["never"]

TELLABLE: Final = frozenset({Outcome.FAILED, Outcome.STALLED, Outcome.ABANDONED})
"""Outcomes that an entry may speak of. The others are no failures, or cannot be known."""

_WEIGHTS: Final = (*get_args(Severity), "never")
_LISTS: Final = {"codes": None, "clients": None, "outcomes": [one.value for one in TELLABLE], "recovered_by": [one.value for one in GOOD]}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An entry: globs over first diagnoses and client families, outcomes, the least confidence; what follows from it.

    `severity` "low" waits for `repeat` attempts of a kind `within` so many seconds. `mutes`: while this goes on, other alerts of the same server
    are not told. `recovered_by` are the outcomes of a later attempt that prove that it works again.
    """

    id: str
    severity: Weight
    reason: str
    order: int = 0
    codes: tuple[str, ...] = ("*",)
    clients: tuple[str, ...] = ("*",)
    outcomes: tuple[str, ...] = tuple(sorted(one.value for one in TELLABLE))
    confidence: float = 0.0
    repeat: int = 2
    within: float = 900.0
    mutes: bool = False
    recovered_by: tuple[str, ...] = ("connected", "reconnected")

    def fits(self, code: str, outcome: str, client: str, confidence: float) -> bool:
        """Whether this entry decides."""
        return (
            outcome in self.outcomes
            and confidence >= self.confidence
            and any(fnmatchcase(code, one) for one in self.codes)
            and any(fnmatchcase(client, one) for one in self.clients)
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of telling, all in seconds.

    `wait`: before a message, so that what has one cause becomes one. `again`: least time between two messages about one cause. `repeat`: when
    what goes on is told anew. `grace`: after the start, before anything is told. `stale`: what ended longer ago is no news.
    `calm`: how long what came and went `flaps` times within `flap_within` must be steady. `forget`: when what nobody hears of any more is over.
    """

    wait: float = 30.0
    again: float = 300.0
    repeat: float = 14_400.0
    grace: float = 60.0
    stale: float = 3_600.0
    calm: float = 1_800.0
    flaps: int = 2
    flap_within: float = 3_600.0
    forget: float = 86_400.0


class Policy:
    """The entries, in the order in which they are tried."""

    def __init__(self, rules: list[AlertRule], titles: Mapping[str, str]) -> None:
        self.rules = rules
        self.by_id = {rule.id: rule for rule in rules}
        self.titles = titles
        """What a diagnosis is called, by its code."""

    def of(self, attempt: Attempt) -> AlertRule | None:
        """The entry that decides about an attempt. None where there is nothing to decide."""
        if attempt.outcome not in TELLABLE:
            return None
        code, confidence = (attempt.diagnoses[0].code, attempt.diagnoses[0].confidence) if attempt.diagnoses else ("", 0.0)
        return self.find(code, attempt.outcome.value, attempt.client, confidence)

    def find(self, code: str, outcome: str, client: str, confidence: float) -> AlertRule | None:
        """The first entry that fits."""
        return next((rule for rule in self.rules if rule.fits(code, outcome, client, confidence)), None)


def compile_policy(entries: Mapping[str, Mapping[str, Any]], diagnoses: Mapping[str, Mapping[str, Any]]) -> Policy:
    """The catalogue's raw entries, in order. Raises ConfigError that names the entry and the key."""
    titles = {code: str(entry.get("title", code)) for code, entry in diagnoses.items()}
    rules = [_rule(name, entry) for name, entry in entries.items()]
    for rule in rules:
        _require_fitting(rule, "codes", rule.codes, titles)
        _require_fitting(rule, "clients", rule.clients, FAMILIES)
    return Policy(sorted(rules, key=lambda rule: rule.order), titles)


def check_example(policy: Policy, entry: str, example: Mapping[str, Any]) -> str:
    """Run one example of an entry; "" when it does what it says, else what went wrong."""
    code, outcome, client = str(example.get("code", "")), str(example.get("outcome", "failed")), str(example.get("client", "claude"))
    found = policy.find(code, outcome, client, float(example.get("confidence", 0.7)))
    here = found is not None and found.id == entry
    if example.get("near_miss"):
        return "is taken, and must not be" if here else ""
    if not here:
        return f"is decided by {found.id if found is not None else 'nothing'}"
    expected = example.get("expect")
    return "" if found is not None and expected == found.severity else f"expected {expected}, got {found.severity if found else 'nothing'}"


def _rule(name: str, entry: Mapping[str, Any]) -> AlertRule:
    where = f"alert {name}"
    known = {item.name: item for item in fields(AlertRule)}
    values: dict[str, Any] = {}
    for key, value in entry.items():
        if key == "example":
            continue
        if key not in known:
            raise ConfigError("unknown key", file=where, key=key, hint=f"known: {', '.join(known)}")
        values[key] = _value(where, key, value)
    for key in ("severity", "reason"):
        if key not in values:
            raise ConfigError("missing key", file=where, key=key, hint=f"add {key}")
    if values["severity"] not in _WEIGHTS:
        raise ConfigError(f"must be one of {', '.join(_WEIGHTS)}", file=where, key="severity", hint='severity = "low"')
    return AlertRule(**values)


def _require_fitting(rule: AlertRule, key: str, globs: Iterable[str], known: Collection[str]) -> None:
    """A word that is misspelt would decide nothing, and say nothing of it."""
    for glob in globs:
        if not any(fnmatchcase(word, glob) for word in known):
            hint = nearest(glob, known) or "the words are in docs/diagnoses.md and docs/vocabulary.md"
            raise ConfigError(f"{glob!r} fits nothing that there is", file=f"alert {rule.id}", key=key, hint=hint)


def _value(where: str, key: str, value: Any) -> Any:
    if key in _LISTS:
        known = _LISTS[key]
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and (known is None or item in known) for item in value):
            words = "words" if known is None else ", ".join(known)
            raise ConfigError(f"must be an array of {words}", file=where, key=key, hint=f'{key} = ["…"]')
        return tuple(value)
    wanted: Any = {"mutes": (bool,), "repeat": (int,), "order": (int,), "within": (int, float), "confidence": (int, float)}.get(key, (str,))
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise ConfigError(f"must be {wanted[0].__name__}, not {type(value).__name__}", file=where, key=key, hint="see the shipped entries")
    if key in ("repeat", "within") and value < 1:
        raise ConfigError("must be at least 1", file=where, key=key, hint="repeat = 2, within = 900")
    return value
