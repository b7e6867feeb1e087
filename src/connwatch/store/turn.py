"""What one turn of the daemon's loop brought, as it goes into the journal: all of it or nothing. Plain data, written as it is collected."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from connwatch.alerts.alert import Alert, Notice
from connwatch.model.change import Change
from connwatch.model.mark import Gap, Mark
from connwatch.model.taken import Place, Taken
from connwatch.store.codec import written_record

__all__ = ["Row", "Standing", "Turn"]

Row = tuple[str, int, float, float | None, str]
"""A record as the table has it: stream, line, time, when it was read, body."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a stream can be resumed, and where its reader stood there. `cursor` None: nowhere."""

    source: str
    cursor: str | None
    place: Place


@dataclass(slots=True)
class Turn:
    """`watermark`: behind which the turn decided, seconds since the epoch; minus infinity as long as nothing is known.

    `stood` is where it stood before the turn; the journal, which has seen all turns, puts it in.
    `alerts` are those that have changed; `notices` what is to be told now, each with the names of the targets that it goes to.
    """

    watermark: float = -math.inf
    taken: list[Row] = field(default_factory=list)
    changes: Sequence[Change] = ()
    standings: dict[str, Standing] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    gaps: list[tuple[str, Gap]] = field(default_factory=list)
    alerts: Sequence[Alert] = ()
    notices: Sequence[tuple[Notice, Sequence[str]]] = ()
    stood: float = -math.inf
    anew: bool = False  # the clock was set back: all that was taken is decided, and nobody is fed with it again
    turned: set[str] = field(default_factory=set)  # streams that went over to another file or container: before it there is nothing to go back to

    def take(self, taken: Iterable[Taken], now: float) -> None:
        """Write down what was taken; at once, because the engine completes records later. `now` is for those without any time."""
        for one in taken:
            record = one.record
            at = record.at if record.at is not None else one.seen_at if one.seen_at is not None else now
            self.taken.append((one.source, record.line, at, one.seen_at, written_record(record)))

    def __bool__(self) -> bool:
        return bool(self.taken or self.changes or self.marks or self.gaps or self.alerts or self.notices or self.anew)
