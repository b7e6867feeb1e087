"""The catalogue as the judge needs it: the pace of clients and the diagnoses that exist.

Compiled once for a catalogue and remembered for the last one asked for: an engine has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connwatch.diagnose.pace import Pace
from connwatch.diagnose.rules import Index, Rule, compile_rules
from connwatch.rules.catalogue import Catalogue

__all__ = ["Book", "book_of"]


@dataclass(slots=True)
class Book:
    """What the judge looks up."""

    catalogue: Catalogue
    pace: Pace
    rules: list[Rule]
    index: Index
    patience: dict[tuple[object, ...], float | None] = field(default_factory=dict)  # of lone events, by what decides it; bounded


_last: list[Book] = []


def book_of(catalogue: Catalogue) -> Book:
    """The compiled book of a catalogue. Raises ConfigError for a diagnosis that is written wrongly."""
    if _last and _last[0].catalogue is catalogue:
        return _last[0]
    rules = compile_rules(catalogue.diagnoses)
    book = Book(catalogue, Pace(catalogue), rules, Index(rules))
    _last[:] = [book]
    return book
