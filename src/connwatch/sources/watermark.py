"""How far the past has been seen, over all sources: the time behind which silence is evidence. Pure; time is an argument.

* A live stream has been seen up to now minus the lateness, whether or not lines came.
* A live stream whose lines come late (a link that was stuck, a log that is written out in gulps, a machine that slept) has been seen up to the
  oldest stamp of what came last, until it has been quiet for the lateness: the rest of such a gulp is still on its way, and what other
  streams have to say of the same time may be as late.
* A stream that is catching up has been seen up to the newest stamp it gave.
* A stream that is down has been seen up to where it fell silent.

The watermark is the least of these and never goes back. A stream that is not live, or late, holds it, but `hold_max` seconds of waiting at
most; after that time goes on without it, and where it is down it is deaf: `deaf` names it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from connwatch.sources.source import EVERY_STREAM, State

__all__ = ["HOLD_MAX", "Watermark"]

HOLD_MAX = 60.0


@dataclass(slots=True)
class _Seen:
    state: State
    since: float  # when it left the live state
    frontier: float | None = None
    seen_to: float = -math.inf  # how far it had been seen when its state was last told
    late_from: float = -math.inf  # when the first and the last batch of late lines came
    late_to: float = -math.inf
    oldest: float = math.inf  # line of the last of these batches


class Watermark:
    """One per engine. `lateness` in seconds."""

    def __init__(self, lateness: float, hold_max: float = HOLD_MAX) -> None:
        self._lateness, self._hold_max = lateness, hold_max
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._value = -math.inf

    def expect(self, source: str, now: float) -> None:
        """A source has been configured and has not spoken yet."""
        self._seen[source, EVERY_STREAM] = _Seen("down", now)

    def heard(
        self, source: str, stream: str, state: State, frontier: float | None, now: float, read_at: float | None = None, oldest: float | None = None
    ) -> None:
        """A batch was taken: the stream's state after it, and the newest stamp it has given so far (None: it gives no stamps).

        `read_at` is when its lines were read (None: they are a backlog), `oldest` the latest instant that the oldest of them can have been
        (None: they have no stamps).
        """
        if stream == EVERY_STREAM:
            for key, one in self._seen.items():
                if key[0] == source:
                    self._turn(one, state, now)
            return
        self._seen.pop((source, EVERY_STREAM), None)
        one = self._seen.setdefault((source, stream), _Seen(state, now))
        one.frontier = frontier
        if read_at is not None and oldest is not None:
            self._late(one, oldest, read_at, now)
        self._turn(one, state, now)

    def _late(self, one: _Seen, oldest: float, read_at: float, now: float) -> None:
        if read_at - oldest <= self._lateness:
            one.late_from = one.late_to = -math.inf
            return
        if now - one.late_to > self._lateness:
            one.late_from = now
        one.late_to, one.oldest = now, oldest

    def _turn(self, one: _Seen, state: State, now: float) -> None:
        if one.state == "live":
            one.seen_to = now - self._lateness
        elif one.state == "catching_up" and one.frontier is not None:
            one.seen_to = one.frontier - self._lateness
        if one.state != state:
            one.since = now
        one.state = state

    def value(self, now: float) -> float:
        """The watermark, in seconds since the epoch; minus infinity while nothing is known."""
        reach = [self._reach(one, now) for one in self._seen.values() if one.state != "ended"]
        if reach:
            self._value = max(self._value, min(reach))
        return self._value

    def _reach(self, one: _Seen, now: float) -> float:
        live = now - self._lateness
        if one.state == "live":
            gulping = now - one.late_to <= self._lateness and now - one.late_from <= self._hold_max
            return min(one.oldest - self._lateness, live) if gulping else live
        if one.state == "catching_up":
            if one.frontier is not None:
                return min(one.frontier - self._lateness, live)
            return live if now - one.since > self._hold_max else -math.inf
        if now - one.since > self._hold_max:
            return live
        return min(live, one.seen_to)

    def deaf(self, now: float) -> dict[str, float]:
        """Sources that have been silent for longer than they may hold the time, and since when, in seconds since the epoch."""
        found: dict[str, float] = {}
        for (source, _), one in sorted(self._seen.items()):
            if one.state == "down" and now - one.since > self._hold_max:
                found[source] = min(one.since, found.get(source, now))
        return found
