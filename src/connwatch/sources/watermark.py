"""How far the past has been seen, over all sources: the time behind which silence is evidence. Pure; time is an argument.

* A live stream has been seen up to now minus the lateness, whether or not lines came.
* A live stream whose lines come late (a link that was stuck, a log that is written out in gulps, a machine that slept) has been seen up to the
  oldest stamp of what came last, until it has been quiet for the lateness: the rest of such a gulp is still on its way, and what other
  streams have to say of the same time may be as late.
* A stream that is catching up has been seen up to the newest stamp it gave.
* A stream that is down has been seen up to where it fell silent. One that ended is forgotten, and so is one of which its source, back after
  a failure, says nothing: a source says something of every stream that it has.

The watermark is the least of these and goes back only with the clock. A stream that is not live, or late, holds it, but `hold_max` seconds
of waiting at most; after that time goes on without it, and where it is down it is deaf: `deaf` names it.
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
    cut: bool = False  # down because its source is
    gone_at: float = math.inf  # the source is back: when the stream is forgotten if it says nothing


class Watermark:
    """One per engine. `lateness` in seconds."""

    def __init__(self, lateness: float, hold_max: float = HOLD_MAX) -> None:
        self._lateness, self._hold_max = lateness, hold_max
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._cut: set[str] = set()  # sources that failed, and have streams of which nothing was heard since
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
            self._all(source, state, now)
            return
        self._seen.pop((source, EVERY_STREAM), None)
        if state == "ended":
            self._seen.pop((source, stream), None)
            return
        one = self._seen.setdefault((source, stream), _Seen(state, now))
        one.cut, one.gone_at = False, math.inf
        if source in self._cut:
            self._back(source, now)
        one.frontier = frontier
        if read_at is not None and oldest is not None:
            self._late(one, oldest, read_at, now)
        self._turn(one, state, now)

    def _all(self, source: str, state: State, now: float) -> None:
        """The source as a whole fell silent, or ended."""
        mine = [key for key in self._seen if key[0] == source]
        if state == "ended":
            for key in mine:
                del self._seen[key]
            return
        if not mine:
            self._seen[source, EVERY_STREAM] = _Seen(state, now)
        for key in mine:
            one = self._seen[key]
            one.cut, one.gone_at = one.cut or one.state != "down", math.inf
            self._turn(one, state, now)
        self._cut.add(source)

    def _back(self, source: str, now: float) -> None:
        waiting = [one for (owner, _), one in self._seen.items() if owner == source and one.cut]
        for one in waiting:
            one.gone_at = min(one.gone_at, now + self._hold_max)
        if not waiting:
            self._cut.discard(source)

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
        for key in [key for key, one in self._seen.items() if one.gone_at <= now]:
            del self._seen[key]
        reach = [self._reach(one, now) for one in self._seen.values()]
        if reach:
            self._value = max(self._value, min(reach))
        return self._value

    def ahead(self, now: float) -> float:
        """Seconds by which the watermark is ahead of the clock, which was set back then; negative as a rule."""
        return self._value - now

    def set_back(self, now: float) -> None:
        """Go back with the clock: what is known of each stream holds, the times of it do not."""
        self._value = -math.inf
        for one in self._seen.values():
            one.since, one.seen_to, one.frontier = min(one.since, now), min(one.seen_to, now - self._lateness), None
            one.late_from = one.late_to = -math.inf
            one.gone_at = min(one.gone_at, now + self._hold_max) if one.gone_at < math.inf else math.inf

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
            if one.state == "down" and one.gone_at == math.inf and now - one.since > self._hold_max:
                found[source] = min(one.since, found.get(source, now))
        return found
