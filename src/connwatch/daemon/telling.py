"""People are told: what each turn brings goes over the desk, and what the desk decides goes into the same turn of the journal.

Knows when things happen; decides neither what is told (`connwatch.alerts`) nor how it travels (`connwatch.notify`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from connwatch.alerts.alert import Notice
from connwatch.alerts.desk import Desk
from connwatch.alerts.mutes import Mutes, Silence
from connwatch.alerts.text import Text
from connwatch.alerts.wording import Writer
from connwatch.model.attempt import Attempt
from connwatch.model.errors import SourceError
from connwatch.sources.source import Source
from connwatch.store.turn import Turn

__all__ = ["DEAF", "SILENT", "Posted", "Teller"]

DEAF, SILENT = "source-deaf", "source-silent"
LOOK_SECONDS = 5.0  # between two looks at the sources


@dataclass(frozen=True, slots=True)
class Posted:
    """A message with words, and the names of the targets that it goes to."""

    notice: Notice
    text: Text
    targets: Sequence[str]


@dataclass(slots=True)
class Teller:
    """`route` names the targets of a text; `find` gives an attempt of the state; `silences` are those in force at a time.

    `post` takes what is told, after it stands in the journal. `silent_seconds`: a source that gave lines and then none for so long is told; 0: never.
    """

    desk: Desk
    writer: Writer
    route: Callable[[Text], Sequence[str]]
    find: Callable[[str], Attempt | None]
    silences: Callable[[float], Sequence[Silence]]
    post: Callable[[Sequence[Posted]], None]
    mutes: Mutes = field(default_factory=Mutes)
    silent_seconds: float = 0.0
    _looked_at: float = -math.inf
    _ready: list[Posted] = field(default_factory=list)

    def due(self) -> float:
        """When there is something to decide next though nothing happens, seconds since the epoch."""
        return self.desk.due()

    def set_back(self, seconds: float) -> None:
        """The clock was set back by so much."""
        self.desk.set_back(seconds)

    def take(self, turn: Turn, now: float, sources: Sequence[Source], deaf: Collection[str]) -> None:
        """Decide about what the turn brought, and put that into it too."""
        self.desk.hear(turn.changes, now)
        self.mutes.restarts.take(turn.marks)
        self.mutes.deaf = deaf
        if abs(now - self._looked_at) >= LOOK_SECONDS:
            self._looked_at = now
            self._look(now, sources, deaf)
        if self.desk.due() <= now:
            self.mutes.silences = self._in_force(now)
            fresh = {change.attempt.id: change.attempt for change in turn.changes}
            self._ready += [self._worded(notice, fresh) for notice in self.desk.rule(now, self.mutes)]
        turn.alerts = self.desk.changed()
        turn.notices = [(one.notice, one.targets) for one in self._ready]

    def publish(self) -> None:
        """What was taken stands in the journal: let it go."""
        if self._ready:
            ready, self._ready = self._ready, []
            self.post(ready)

    def _worded(self, notice: Notice, fresh: dict[str, Attempt]) -> Posted:
        text = self.writer.write(notice, lambda name: fresh.get(name) or self._found(name))
        return Posted(notice, text, self.route(text))

    def _found(self, name: str) -> Attempt | None:
        try:
            return self.find(name)
        except SourceError:
            return None  # the message says less; that the state cannot be read is told elsewhere

    def _in_force(self, now: float) -> Sequence[Silence]:
        try:
            return self.silences(now)
        except SourceError:
            return self.mutes.silences  # those that were known

    def _look(self, now: float, sources: Sequence[Source], deaf: Collection[str]) -> None:
        for source in sources:
            status = source.status
            if source.name in deaf:
                self.desk.trouble(source.name, DEAF, now, status.note)
            else:
                self.desk.relief(source.name, DEAF, now)
            if self.silent_seconds and status.last_read_at is not None and source.name not in deaf:
                if now - status.last_read_at > self.silent_seconds:
                    self.desk.trouble(source.name, SILENT, now, since=status.last_read_at)
                else:
                    self.desk.relief(source.name, SILENT, now)
