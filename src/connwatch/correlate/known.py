"""Which clients were connected to which servers shortly before: what a lone request without a token means depends on it.

A connected client asks without its token now and then, and nothing follows. Remembered for less than a restart reads again, so that a
restart forgets nothing. Time is event time; nothing here judges.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from connwatch.model.attempt import GOOD, Attempt, Step

__all__ = ["Known"]

_LATELY = 1500.0  # seconds since the end of a good attempt
_MOST = 10_000  # pairs of server and client


@dataclass(slots=True)
class Known:
    """The last good attempt of each client on each server: its id, and when it ended."""

    _last: OrderedDict[tuple[str, str], tuple[str, float]] = field(default_factory=OrderedDict)

    def ended(self, attempt: Attempt) -> None:
        """An attempt is over and judged."""
        if attempt.outcome not in GOOD:
            return
        who = attempt.server, attempt.client
        self._last[who] = attempt.id, attempt.ended_at
        self._last.move_to_end(who)
        if len(self._last) > _MOST:
            self._last.popitem(last=False)

    def before(self, steps: Sequence[Step]) -> str | None:
        """The attempt by which the client of a lone 401 had connected shortly before, as far as one line tells whose it is."""
        event = steps[0].event
        family = event.client or event.hint
        if len(steps) > 1 or event.status != 401 or family is None:
            return None
        last = self._last.get((event.host or "", family))
        return last[0] if last is not None and event.at - last[1] <= _LATELY else None
