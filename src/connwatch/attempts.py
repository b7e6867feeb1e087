"""The ledger of attempts: events go into the window, fragments come out of it and become attempts that are judged and closed.

Part of the engine, and pure like it: knows the window, the judge and the times they ask for, but no bytes and no sources. An
open fragment is looked at again when its time comes, not at every event: that keeps the cost of an event flat however many are open.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.sweep import Sweep, Sweeps
from connwatch.correlate.tables import Tables
from connwatch.correlate.window import LOOKAHEAD, QUIET, Window
from connwatch.diagnose.judge import judge
from connwatch.model.attempt import Attempt, Step
from connwatch.model.change import Change, Closed, Evicted, Opened, Reached, Updated, Withdrawn
from connwatch.model.event import Event
from connwatch.rules.catalogue import Catalogue

__all__ = ["Ledger"]

_LINGER = 60.0  # seconds after the last event during which a decided attempt may still grow
_REMEMBERED = 200  # steps kept of one attempt
_ROUND = 20.0  # seconds of event time between two looks at what has changed, at most


@dataclass(slots=True)
class _Told:
    """What was last said of an attempt."""

    attempt: Attempt
    steps: int = 0
    verdict: tuple[str, str | None, str] = ("", None, "")


@dataclass(slots=True)
class Ledger:
    """Open attempts and their window. `evicted` counts attempts closed early because there were more than `max_open`.

    `live` says whether somebody watches: then open attempts are judged and told as they grow, else only when they close. `deaf` are the
    sources that cannot be heard at present.
    """

    catalogue: Catalogue
    tables: Tables
    max_open: int = 10_000
    live: bool = False
    deaf: frozenset[str] = frozenset()
    evicted: int = 0
    _window: Window = field(init=False)
    _sweeps: Sweeps = field(default_factory=Sweeps)
    _untold: dict[int, Fragment] = field(default_factory=dict)  # grew since it was last told; only while somebody watches
    _round: float = float("-inf")
    _told: dict[int, _Told] = field(default_factory=dict)
    _watch: dict[int, float] = field(default_factory=dict)  # fragment -> when it is looked at again
    _withdrawn: list[Attempt] = field(default_factory=list)  # told of, and part of another by now
    _agenda: list[tuple[float, int]] = field(default_factory=list)  # the same as a heap; entries that were moved are stale

    def __post_init__(self) -> None:
        self._window = Window(self.tables)

    def take(self, events: Iterable[Event]) -> list[Change]:
        """Take events in order of time."""
        changes: list[Change] = []
        window = self._window
        for event in events:
            due = window.due()
            if due is not None and event.started_at > due:
                changes += self._settle(due)
            if event.at >= self._round or (self._agenda and self._agenda[0][0] <= event.at):
                self._round = event.at + _ROUND
                changes += self._close_due(event.at)
            if event.noise:
                self._sweeps.add(event)
                continue
            if window.is_full():
                changes += self._settle(window.newest, window.newest - LOOKAHEAD)
            window.add(event)
        return changes

    def advance(self, now: float) -> list[Change]:
        """Decide and close what is due by `now`."""
        changes: list[Change] = []
        self._sweeps.rest(now)
        due = self._window.due()
        if due is not None and due <= now:
            changes += self._settle(due)
        elif due is None:
            changes += self._sweep_out(now)
        changes += self._put_on_agenda()
        if self._untold:
            changes += self._tell_all(now)
        return changes + self._close_due(now)

    def finish(self) -> list[Change]:
        """End of the input: everything is decided and closed."""
        self._sweeps.rest(float("inf"))
        changes = self._settle(float("inf"))
        for fragment in list(self._window.all_open()):
            changes += self._end(fragment, None)
        return changes

    def touch(self, event: Event) -> None:
        """An event that was taken before has grown."""
        if not event.noise:
            self._window.touch(event)

    def due(self) -> float | None:
        """The next instant at which silence alone changes something."""
        dues = [d for d in (self._window.due(), self._agenda[0][0] if self._agenda else None) if d is not None]
        return min(dues, default=None)

    def open_attempts(self, now: float) -> list[Attempt]:
        """The open attempts as they stand, judged at `now`."""
        return [self._judged(fragment, now) for fragment in self._window.all_open()]

    # settling

    def _settle(self, now: float, until: float | None = None) -> list[Change]:
        """Settle the window at `now`; what ended after `until` stays fresh (None: nothing does)."""
        window = self._window
        if until is None:
            until = now if now < window.newest + QUIET else float("inf")
        fresh = list(window.fresh.values())
        window.settle(until)
        while until == float("inf") and window.fresh:
            window.settle(until)
        for stray in self._sweeps.absorb(f for f in fresh if id(f) in window.lanes.live):
            self._forget(id(stray))
            window.close(stray)
        changes = self._sweep_out(until)
        changes += self._put_on_agenda()
        surplus = len(window.lanes) - self.max_open
        if surplus > 0:
            for fragment in sorted(window.all_open(), key=lambda f: f.end)[:surplus]:
                self.evicted += 1
                changes += self._end(fragment, now, evicted=True)
        return changes

    def _close_due(self, now: float) -> list[Change]:
        """Look at every fragment whose time has come by `now`."""
        changes = self._put_on_agenda()
        while self._agenda and self._agenda[0][0] <= now:
            when, key = heapq.heappop(self._agenda)
            if self._watch.get(key) == when:
                changes += self._look_at(key, when)
        return changes

    def _put_on_agenda(self) -> list[Change]:
        window = self._window
        for key in window.gone:
            self._forget(key)
            self._watch.pop(key, None)
        window.gone.clear()
        for key, fragment in window.changed.items():
            when = fragment.end + _LINGER
            self._watch[key] = when
            heapq.heappush(self._agenda, (when, key))
        if self.live:
            self._untold.update(window.changed)
        window.changed.clear()
        withdrawn, self._withdrawn = self._withdrawn, []
        return [Withdrawn(attempt.ended_at, attempt) for attempt in withdrawn]

    def _forget(self, key: int) -> None:
        """This fragment is none of its own any more; who heard of it must hear that."""
        told = self._told.pop(key, None)
        if told is not None:
            self._withdrawn.append(told.attempt)

    def _look_at(self, key: int, now: float) -> list[Change]:
        """The time of a fragment has come: close it, or wait for the next instant at which its verdict may change."""
        fragment = self._window.lanes.live.get(key)
        if fragment is None or key in self._window.fresh:
            return []
        attempt = self._attempt(fragment)
        due = self._judge(fragment, attempt, now)
        if due is not None and due > now:
            self._watch[key] = due
            heapq.heappush(self._agenda, (due, key))
            return []
        return self._end(fragment, now, attempt)

    # telling

    def _tell_all(self, now: float) -> list[Change]:
        changes: list[Change] = []
        window = self._window
        for key in list(self._untold):
            if key in window.fresh:
                continue  # what is not decided yet would be told as an attempt of its own, and withdrawn
            fragment = self._untold.pop(key)
            if key in window.lanes.live:
                changes += self._tell(fragment, now)
        return changes

    def _tell(self, fragment: Fragment, now: float) -> list[Change]:
        told = self._told.get(id(fragment))
        attempt = self._judged(fragment, now)
        changes: list[Change] = []
        if told is not None and told.attempt.id != attempt.id:
            changes.append(Withdrawn(told.attempt.ended_at, told.attempt))
            told = None
        if told is None:
            told = self._told[id(fragment)] = _Told(attempt)
            changes.append(Opened(attempt.started_at, attempt))
        told.attempt = attempt
        changes += [Reached(step.event.at, attempt, step) for step in attempt.steps[told.steps :]]
        told.steps = len(attempt.steps)
        verdict = attempt.outcome.value, attempt.stuck_at, attempt.diagnoses[0].code if attempt.diagnoses else ""
        if verdict != told.verdict:
            told.verdict = verdict
            changes.append(Updated(attempt.ended_at, attempt))
        return changes

    def _end(self, fragment: Fragment, now: float | None, attempt: Attempt | None = None, *, evicted: bool = False) -> list[Change]:
        told = self._told.get(id(fragment))
        if attempt is None:
            attempt = self._attempt(fragment)
            self._judge(fragment, attempt, now)
        self._told.pop(id(fragment), None)
        self._watch.pop(id(fragment), None)
        self._window.close(fragment)
        at = now if now is not None else attempt.ended_at
        changes: list[Change] = []
        if told is not None and told.attempt.id != attempt.id:
            changes.append(Withdrawn(told.attempt.ended_at, told.attempt))
            told = None
        if told is None:
            changes.append(Opened(attempt.started_at, attempt))
        changes += [Reached(step.event.at, attempt, step) for step in attempt.steps[told.steps if told is not None else 0 :]]
        changes.append(Evicted(at, attempt) if evicted else Closed(at, attempt))
        return changes

    # judging

    def _judged(self, fragment: Fragment, now: float) -> Attempt:
        attempt = self._attempt(fragment)
        attempt.open = True
        judge(attempt, self.catalogue, now=max(now, fragment.end), deaf=self.deaf)
        return attempt

    def _judge(self, fragment: Fragment, attempt: Attempt, now: float | None) -> float | None:
        """Judge an attempt; one of an ambiguous group by what became of the group: its own steps and those that somebody's must be.

        Gives the next instant at which silence alone would change the verdict.
        """
        whole = _whole(fragment)
        if len(whole) == 1:
            return judge(attempt, self.catalogue, now=now, deaf=self.deaf)
        own = attempt.steps
        steps = [Step(member.event, member.link if piece is fragment else "ambiguous") for piece in whole for member in piece.members]
        attempt.steps = sorted(steps, key=lambda step: (step.event.started_at, step.event.at, step.event.serial))
        attempt.group = f"group-{_name(attempt.steps)}"
        due = judge(attempt, self.catalogue, now=now, deaf=self.deaf)
        attempt.steps = own
        attempt.started_at = min(step.event.started_at for step in own)
        attempt.ended_at = max(step.event.at for step in own)
        return due

    def _attempt(self, fragment: Fragment) -> Attempt:
        members = fragment.members
        if len(members) > _REMEMBERED:
            members = [*members[: _REMEMBERED // 2], *members[-_REMEMBERED // 2 :]]
        steps = [Step(member.event, member.link) for member in members]
        return Attempt(_name(steps), steps)

    def _sweep_out(self, until: float) -> list[Change]:
        return [change for sweep in self._sweeps.take_over(until) for change in self._swept(sweep)]

    def _swept(self, sweep: Sweep) -> list[Change]:
        steps = [Step(event, "inferred") for event in sweep.events]
        attempt = Attempt(_name(steps), steps, noise=sweep.noise)
        judge(attempt, self.catalogue, now=None)
        return [Closed(sweep.end, attempt)]


def _whole(fragment: Fragment) -> list[Fragment]:
    """The pieces before and after this one that counting puts together."""
    whole = [fragment]
    while (earlier := whole[0].guessed_by) is not None and earlier not in whole:
        whole.insert(0, earlier)
    while (later := whole[-1].guess) is not None and later not in whole:
        whole.append(later)
    return whole


def _name(steps: list[Step]) -> str:
    """A short name that follows from where the first event stands in its log, so that a replay gives the same one."""
    first = steps[0].event
    place = first.evidence[0]
    text = f"{place.source}\\0{place.line}\\0{first.started_at:.6f}\\0{first.path}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()
