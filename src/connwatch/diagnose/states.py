"""The three states of every stage: seen, not seen though we listened, not observable here. Knows nothing of verdicts.

That a stage is missing is only worth saying with the reason why it may be: another host, an earlier attempt, a deaf source.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from connwatch.diagnose.fold import Fold, Tally
from connwatch.model.attempt import StageState, Visibility
from connwatch.model.event import OBSERVED_STAGES, Event, Stage

__all__ = ["stage_states"]

_PLACES: Final = tuple(stage.value for stage in OBSERVED_STAGES[1:-1])
_ELSEWHERE: Final = frozenset({Stage.SERVER_METADATA, Stage.REGISTRATION, Stage.AUTHORIZATION, Stage.CONSENT, Stage.TOKEN})


def stage_states(state: Fold, deaf: Collection[str]) -> list[StageState]:
    """One state for each of the eight stages of an attempt, in their order."""
    seen = [state.challenge, *map(state.tallies.get, _PLACES), state.session]
    furthest = len(seen) - 1
    while furthest >= 0 and seen[furthest] is None:
        furthest -= 1
    elsewhere = state.served > 0 and state.granted is None and (state.challenges > 0 or "resource_metadata" in state.tallies)
    states: list[StageState] = []
    before: Tally | None = None
    for place, stage in enumerate(OBSERVED_STAGES):
        tally = seen[place]
        if tally is not None and tally.first is not None and tally.last is not None:
            states.append(StageState(stage, "seen", tally.last.at, tally.last.status, _since(before, tally.first)))
            before = tally
        elif elsewhere and stage in _ELSEWHERE:
            states.append(_absent(stage, "not_observable", "answered on another host, or by a grant of an earlier attempt"))
        elif deaf and place > furthest:
            states.append(_absent(stage, "not_observable", f"no lines from {', '.join(sorted(deaf))} at present"))
        else:
            states.append(_absent(stage, "not_seen", _why(stage, place > furthest, state)))
    return states


@lru_cache(maxsize=256)
def _absent(stage: Stage, state: Visibility, reason: str) -> StageState:
    """One object for all attempts that lack a stage for the same reason: most attempts lack several."""
    return StageState(stage, state, reason=reason)


def _since(before: Tally | None, first: Event) -> float | None:
    """Seconds from the previous stage to this one: from its last answer, or from its first where it was asked for again later."""
    if before is None or before.first is None or before.last is None:
        return None
    end = before.last.at if before.last.at <= first.started_at else before.first.at
    return max(first.started_at - end, 0.0)


def _why(stage: Stage, beyond: bool, state: Fold) -> str:
    if beyond:
        return "the attempt did not get there"
    if stage is Stage.REGISTRATION:
        return "the client had an id already, or uses a metadata document"
    if stage is Stage.CONSENT and state.browser is not None:
        return "no page of this host was needed"
    return "not asked for in this attempt: cached, or before its first line"
