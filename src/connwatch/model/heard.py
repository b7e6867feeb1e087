"""A request as it is first heard: told at once, before it is known which attempt it belongs to. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from connwatch.model.event import Stage

__all__ = ["Heard"]


@dataclass(frozen=True, slots=True)
class Heard:
    """One line's request. Times in seconds since the epoch; `line` is 1-based; `client` is a family, "other" where the line does not tell.

    A first impression: what surrounds the request may later prove its stage, its client or that it is noise.
    """

    at: float
    source: str
    line: int
    client: str
    server: str
    stage: Stage
    method: str
    path: str
    status: int | None
