"""The three states of every stage: seen, not seen though we listened, not observable here. Knows nothing of verdicts.

That a stage is missing is only worth saying with the reason why it may be: another host, an earlier attempt, a deaf source.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from connwatch.diagnose.fold import Fold
from connwatch.diagnose.places import MCP_STAGES
from connwatch.model.attempt import StageState, Step
from connwatch.model.event import OBSERVED_STAGES, Event, Stage

__all__ = ["stage_states"]

_PLACES: Final = tuple((stage, stage.value) for stage in OBSERVED_STAGES[1:-1])
_ELSEWHERE: Final = frozenset({Stage.SERVER_METADATA, Stage.REGISTRATION, Stage.AUTHORIZATION, Stage.CONSENT, Stage.TOKEN})
_ORDER: Final = {stage: place for place, stage in enumerate(OBSERVED_STAGES)}


def stage_states(steps: list[Step], state: Fold, deaf: Collection[str]) -> list[StageState]:
    """One state for each of the eight stages of an attempt, in their order."""
    seen: dict[Stage, tuple[Event, Event]] = {}  # first and last event
    mcp = state.tallies.get("mcp")
    for stage, place in _PLACES:
        tally = state.tallies.get(place)
        if tally is not None and tally.first is not None and tally.last is not None:
            seen[stage] = (tally.first, tally.last)
    if mcp is not None:
        _mcp(steps, state, seen)
    furthest = max((_ORDER[stage] for stage in seen), default=-1)
    elsewhere = state.served > 0 and state.granted is None and (state.challenges > 0 or Stage.RESOURCE_METADATA in seen)
    states: list[StageState] = []
    before: Event | None = None
    for stage in OBSERVED_STAGES:
        pair = seen.get(stage)
        if pair is not None:
            first, last = pair
            states.append(StageState(stage, "seen", last.at, last.status, None if before is None else max(first.started_at - before.at, 0.0)))
            before = first
        elif elsewhere and stage in _ELSEWHERE:
            states.append(StageState(stage, "not_observable", reason="answered on another host, or by a grant of an earlier attempt"))
        elif deaf and _ORDER[stage] > furthest:
            states.append(StageState(stage, "not_observable", reason=f"no lines from {', '.join(sorted(deaf))} at present"))
        else:
            states.append(StageState(stage, "not_seen", reason=_why(stage, furthest, state)))
    return states


def _mcp(steps: list[Step], state: Fold, seen: dict[Stage, tuple[Event, Event]]) -> None:
    """MCP requests are challenges as long as nothing entitles the client, and the session after that."""
    granted = state.granted
    for step in steps:
        event = step.event
        if event.stage not in MCP_STAGES:
            continue
        served = event.status is None or 200 <= event.status < 300
        late = granted is not None and event.started_at >= granted.started_at
        stage = Stage.SESSION if (served and event.method != "HEAD") or late else Stage.CHALLENGE
        pair = seen.get(stage)
        seen[stage] = (event if pair is None else pair[0], event)


def _why(stage: Stage, furthest: int, state: Fold) -> str:
    if _ORDER[stage] > furthest:
        return "the attempt did not get there"
    if stage is Stage.REGISTRATION:
        return "the client had an id already, or uses a metadata document"
    if stage is Stage.CONSENT and state.browser is not None:
        return "no page of this host was needed"
    return "not asked for in this attempt: cached, or before its first line"
