"""A judgement with its grounds. Knows nothing of how it was reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from connwatch.model.event import Evidence

__all__ = ["Diagnosis"]


@dataclass(slots=True)
class Diagnosis:
    """Why an attempt stopped where it did. `confidence` is between 0 and 1 and ranks alternatives; texts are ready to show."""

    code: str
    confidence: float
    summary: str
    remedy: str
    refuted_by: str
    evidence: list[Evidence] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)  # things to look at, the likeliest first
    see: list[str] = field(default_factory=list)  # references
