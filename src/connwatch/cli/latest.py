"""Which attempt is meant where none is named: the words and the rule that `show` and `report` share. Must not know where attempts are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import click

from connwatch.model.attempt import Attempt, Outcome

__all__ = ["ANY", "KNOWN", "LAST", "STOPPED", "latest", "one_choice"]

LAST: Final = "The latest attempt that failed, stalled or was abandoned."
ANY: Final = "The latest attempt, whatever became of it; probes are none."
STOPPED: Final = (Outcome.FAILED, Outcome.STALLED, Outcome.ABANDONED)
"""Outcomes of attempts that did not connect and will not."""
KNOWN: Final = tuple(one for one in Outcome if one is not Outcome.PROBE)


def one_choice(attempt_id: str | None, last: bool, any_outcome: bool, *, named: str) -> bool:
    """Whether an attempt was chosen. Raises a usage error where more than one was; `named` is how an id is given."""
    given = [word for word, is_given in ((named, attempt_id is not None), ("--last", last), ("--any", any_outcome)) if is_given]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} exclude each other")
    return bool(given)


def latest(attempts: Iterable[Attempt], ways: Sequence[tuple[Outcome, ...]]) -> Attempt | None:
    """The latest by its start of those that ended in the first of these ways in which any did. Goes through them once, and keeps none."""
    best: dict[int, Attempt] = {}
    for one in attempts:
        for number, outcomes in enumerate(ways):
            if one.outcome in outcomes and (number not in best or one.started_at > best[number].started_at):
                best[number] = one
    return best[min(best)] if best else None
