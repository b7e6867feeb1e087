"""A judged attempt from a trail: the tests of this floor read like logs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connwatch.diagnose.judge import judge
from connwatch.diagnose.trail import read_trail
from connwatch.model.attempt import Attempt
from connwatch.rules.catalogue import Catalogue
from connwatch.settings.loader import load_catalogue

Judged = Callable[..., Attempt]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The shipped catalogue, with its examples."""
    return load_catalogue(examples=True)


@pytest.fixture(scope="session")
def judged(catalogue: Catalogue) -> Judged:
    """`judged("claude", "post:401 …")`; `after` is how many seconds after the last request it is judged, None at the end of the input."""

    def run(
        client: str,
        trail: str,
        after: float | None = None,
        deaf: frozenset[str] = frozenset(),
        group: str = "",
        previous: str | None = None,
    ) -> Attempt:
        attempt = Attempt("one", read_trail(trail, client=client or None), group=group, previous=previous)
        last = max((step.event.at for step in attempt.steps), default=0.0)
        judge(attempt, catalogue, now=None if after is None else last + after, deaf=deaf)
        return attempt

    return run
