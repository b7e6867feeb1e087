"""Which lines back a diagnosis. Bounded: a diagnosis shows the lines that decide, not the whole attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from connwatch.diagnose.view import View
from connwatch.model.event import Event, Evidence

__all__ = ["SELECTORS", "evidence_of"]

_MOST: Final = 8


def _of(place: str) -> Callable[[View], Iterable[Event | None]]:
    def select(view: View) -> Iterable[Event | None]:
        tally = view.state.tallies.get(place)
        return () if tally is None else (tally.last_ok, tally.last_bad)

    return select


SELECTORS: Final[dict[str, Callable[[View], Iterable[Event | None]]]] = {
    "decisive": lambda view: (view.verdict.event,),
    "refusals": lambda view: (refusal.event for refusal in view.state.standing),
    "explained": lambda view: view.state.explained,
    "grant": lambda view: (view.state.granted, view.state.last_granted),
    "browser": lambda view: (view.state.browser,),
    "stream": lambda view: (view.state.stream,),
    "registration": _of("registration"),
    "resource_metadata": _of("resource_metadata"),
    "server_metadata": _of("server_metadata"),
    "challenge": lambda view: () if view.state.challenge is None else (view.state.challenge.first, view.state.challenge.last),
}


def evidence_of(view: View, selectors: Sequence[str]) -> list[Evidence]:
    """The lines that the selectors name, each once, in the order of the selectors."""
    found: list[Evidence] = []
    seen: set[int] = set()
    for selector in selectors:
        for event in SELECTORS[selector](view):
            if event is None or id(event) in seen:
                continue
            seen.add(id(event))
            found.extend(event.evidence)
            if len(found) >= _MOST:
                return found[:_MOST]
    return found
