"""The ledger of attempts: events go into the window, fragments come out of it and become attempts that are judged and closed.

Part of the engine, and pure like it: knows the window, the judge and the times they ask for, but no bytes and no sources. An
open fragment is looked at again when its time comes, not at every event: that keeps the cost of an event flat however many are open.
Looks happen on whole seconds, many at a time, and a fragment that grew is moved only when its second comes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from connwatch.correlate.agenda import Agenda
from connwatch.correlate.fragment import Fragment
from connwatch.correlate.known import Known
from connwatch.correlate.naming import named
from connwatch.correlate.sweep import OVER, Sweeps
from connwatch.correlate.tables import Tables
from connwatch.correlate.window import LOOKAHEAD, PATIENCE, QUIET, Window
from connwatch.diagnose.hearing import Hearing
from connwatch.diagnose.judge import judge, patience, place_in_time
from connwatch.diagnose.telling import Telling
from connwatch.model.attempt import Attempt, Step
from connwatch.model.change import Change, Closed, Evicted
from connwatch.model.event import Event
from connwatch.rules.catalogue import Catalogue

__all__ = ["Ledger"]

_LINGER = 75.0  # seconds after the last event during which a decided attempt may still grow: a request that hangs is logged after a minute
_NEVER = float("inf")


@dataclass(slots=True)
class Ledger:
    """Open attempts and their window. `evicted` counts attempts closed early because there were more than `max_open`.

    `live` says whether somebody watches: then open attempts are judged and told as they grow, else only that they closed.
    """

    catalogue: Catalogue
    tables: Tables
    max_open: int = 10_000
    live: bool = False
    hearing: Hearing = field(default_factory=Hearing)
    evicted: int = 0
    soonest: float = float("-inf")
    _window: Window = field(init=False)
    _sweeps: Sweeps = field(default_factory=Sweeps)
    _untold: dict[int, Fragment] = field(default_factory=dict)  # grew since it was last told; only while somebody watches
    _telling: Telling = field(default_factory=Telling)
    _known: Known = field(default_factory=Known)
    _agenda: Agenda = field(default_factory=Agenda)
    _verdicts: Agenda = field(default_factory=Agenda)  # when silence alone changes what was told of those that are watched

    def __post_init__(self) -> None:
        self._window = Window(self.tables)

    def take(self, events: Iterable[tuple[float, Event]], now: float = float("-inf")) -> list[Change]:
        """Take events, each at its time: these times never go back, and what was due before one happens before it.

        Then everything that was due before `now` happens, because at `now` events that were taken may grow.
        """
        changes: list[Change] = []
        window = self._window
        for at, event in events:
            if self.soonest < at:
                changes += self._pass(at, before=True)
            if event.noise:
                self._sweeps.add(event, at)
            else:
                if window.is_full():
                    changes += self._settle(at, window.newest - LOOKAHEAD)
                window.add(event)
            self._hurry(event)
        if self.soonest < now:
            changes += self._pass(now, before=True)
        return changes

    def _hurry(self, event: Event) -> None:
        """Nothing that this event brings about is due before the window could be quiet again; `_pass` finds the exact instant."""
        due = event.at + QUIET
        if event.at - event.started_at > PATIENCE - QUIET:
            due = event.at  # who began so long ago has waited enough
        if self._window.gone:
            due = min(due, self._window.due() or due)
        if due < self.soonest:
            self.soonest = due

    def advance(self, now: float) -> list[Change]:
        """Decide and close what is due by `now`."""
        changes = self._pass(now)
        while self._verdicts.due() <= now:
            live = self._window.lanes.live
            self._untold.update((key, live[key]) for key in self._verdicts.take() if key in live)
        if self._untold:
            changes += self._tell_all(now)
        return changes

    def finish(self) -> list[Change]:
        """End of the input: everything is decided and closed."""
        return self._pass(_NEVER)

    def fresh(self) -> int:
        """How many fragments wait to be decided together."""
        return len(self._window.fresh)

    def idle_until(self) -> float:
        """Before this instant time passes without a decision, as long as no event comes."""
        return min(self.soonest, self._verdicts.due())

    def touch(self, event: Event) -> list[Change]:
        """An event that was taken before has grown."""
        if event.noise:
            return []
        self._window.touch(event)
        return self._put_on_agenda()

    def due(self) -> float | None:
        """The next instant at which silence alone changes something."""
        due = min(*self._dues(), self._verdicts.due())
        return None if due == _NEVER else due

    def _dues(self) -> tuple[float, float, float]:
        """When the agenda, the window and the sweeps are due; infinity where nothing is. Sweeps wait for the window: it may have strays for them."""
        agenda = self._agenda.due()
        window, sweeps = self._window.due(), self._sweeps.due()
        return (agenda, _NEVER, _NEVER if sweeps is None else sweeps) if window is None else (agenda, window, _NEVER)

    def _pass(self, now: float, *, before: bool = False) -> list[Change]:
        """Let the time until `now` pass: whatever silence alone changes happens in order of time.

        What is due at the instant of an event happens after it (`before`), so that it does not matter where the clock stopped.
        """
        changes = self._put_on_agenda()
        while True:
            agenda, window, sweeps = self._dues()
            due = min(agenda, window, sweeps)
            if due > now or due == _NEVER or (before and due == now):
                break
            if due == agenda:
                for key in self._agenda.take():
                    changes += self._look_at(key, due)
            elif due == window:
                changes += self._settle(due)
            else:
                self._sweeps.rest(due)
                changes += self._sweep_out(due - OVER)
        self.soonest = due
        return changes

    def open_attempts(self, now: float) -> list[Attempt]:
        """The open attempts as they stand, judged at `now`."""
        return [self._judged(fragment, now)[0] for fragment in self._window.all_open()]

    # settling

    def _settle(self, now: float, until: float | None = None) -> list[Change]:
        """Settle the window at `now`; what ended after `until` stays fresh (None: nothing does)."""
        window = self._window
        self._sweeps.rest(now)
        until = until if until is not None else now if now < window.newest + QUIET else _NEVER
        fresh = list(window.fresh.values())
        window.settle(until)
        while until == _NEVER and window.fresh:
            window.settle(until)
        for stray in self._sweeps.absorb(f for f in fresh if id(f) in window.lanes.live):
            self._forget(id(stray))
            window.close(stray)
        changes = self._sweep_out(until)
        changes += self._put_on_agenda()
        surplus = len(window.lanes) - self.max_open
        if surplus > 0:
            for fragment in sorted(window.all_open(), key=window.lanes.worth)[:surplus]:
                self.evicted += 1
                attempt = self._attempt(fragment)
                self._judge(fragment, attempt, now)
                changes += self._end(fragment, now, attempt, evicted=True)
        return changes

    def _put_on_agenda(self) -> list[Change]:
        window = self._window
        for key in window.gone:
            self._forget(key)
        window.gone.clear()
        for key, fragment in window.changed.items():
            second = self._agenda.when(key)
            if second is None or second > fragment.end + _LINGER + 1.0:
                self._look_again(key, fragment.end + self._quiet(fragment))
        if self.live:
            self._untold.update(window.changed)
        window.changed.clear()
        return self._telling.withdrawn()

    def _forget(self, key: int) -> None:
        """This fragment is none of its own any more."""
        self._telling.take_back(key)
        self._agenda.drop(key)
        self._verdicts.drop(key)

    def _quiet(self, fragment: Fragment) -> float:
        """Seconds after the end of a fragment before which it is not worth a look: of the very many that are one request, none before its time."""
        if len(fragment.members) > 1:
            return _LINGER
        wait = patience(fragment.members[0].event, self.catalogue)
        return _LINGER if wait is None or wait < _LINGER else wait

    def _look_again(self, key: int, when: float) -> None:
        self._agenda.put(key, when)
        if when < self.soonest:
            self.soonest = when

    def _look_at(self, key: int, now: float) -> list[Change]:
        """The time of a fragment has come: close it, or wait for the next instant at which its verdict may change."""
        fragment = self._window.lanes.live.get(key)
        if fragment is None:
            return []
        if fragment.end + _LINGER > now:
            self._look_again(key, fragment.end + _LINGER)  # it grew meanwhile
            return []
        if key in self._window.fresh:
            self._look_again(key, max(now, self._window.due() or now) + LOOKAHEAD)
            return []
        attempt = self._attempt(fragment)
        due = self._judge(fragment, attempt, now)
        if due is None or due <= now:
            return self._end(fragment, now, attempt)
        self._look_again(key, due)
        return []

    # telling

    def _tell_all(self, now: float) -> list[Change]:
        """Tell what grew, and the pieces that counting puts together with it."""
        window = self._window
        grown: dict[int, Fragment] = {}
        for key in list(self._untold):
            if key in window.fresh:
                continue  # what is not decided yet would be told as an attempt of its own, and withdrawn
            grown.update((id(piece), piece) for piece in self._untold.pop(key).whole())
        changes: list[Change] = []
        for key, fragment in grown.items():
            if key in window.lanes.live and key not in window.fresh:
                attempt, due = self._judged(fragment, now)
                changes += self._telling.judged(key, attempt)
                if due is not None and due > now:
                    self._verdicts.put(key, due)
        return changes

    def _end(self, fragment: Fragment, now: float, attempt: Attempt, *, evicted: bool = False) -> list[Change]:
        key = id(fragment)
        changes = self._telling.news(key, attempt) if self.live else []
        self._telling.ended(key)
        self._agenda.drop(key)
        self._verdicts.drop(key)
        self._window.close(fragment)
        self._known.ended(attempt)
        changes.append(Evicted(now, attempt) if evicted else Closed(now, attempt))
        return changes

    # judging

    def _judged(self, fragment: Fragment, now: float) -> tuple[Attempt, float | None]:
        """An attempt as it stands, and when silence will change that. Its steps are copies: links may prove weaker while it grows."""
        attempt = self._attempt(fragment)
        attempt.steps = [Step(step.event, step.link) for step in attempt.steps]
        attempt.open = True
        return attempt, self._judge(fragment, attempt, max(now, fragment.end))

    def _judge(self, fragment: Fragment, attempt: Attempt, now: float) -> float | None:
        """Judge an attempt; one of an ambiguous group by what became of the group: its own steps and those that somebody's must be.

        Gives the next instant at which silence alone would change the verdict.
        """
        whole = fragment.whole()
        attempt.counted = next((piece.counted for piece in whole if piece.counted), "")
        if len(whole) == 1:
            return judge(attempt, self.catalogue, now=now, deaf=self.hearing.deaf_to(attempt))
        own = attempt.steps
        steps = [Step(member.event, member.link if piece is fragment else "ambiguous") for piece in whole for member in piece.members]
        attempt.steps = sorted(steps, key=lambda step: (step.event.started_at, step.event.at, step.event.serial))
        attempt.group = f"group-{named(attempt.steps)}"
        due = judge(attempt, self.catalogue, now=now, deaf=self.hearing.deaf_to(attempt))
        attempt.steps = own
        place_in_time(attempt)
        return due

    def _attempt(self, fragment: Fragment) -> Attempt:
        steps = fragment.steps()
        return Attempt(named(steps), steps, previous=self._known.before(steps))

    def _sweep_out(self, until: float) -> list[Change]:
        """The sweeps that no stray can join any more."""
        changes: list[Change] = []
        for sweep in self._sweeps.take_over(until):
            steps = [Step(event, "inferred") for event in sweep.events]
            attempt = Attempt(named(steps), steps, noise=sweep.noise)
            judge(attempt, self.catalogue, now=None)
            changes.append(Closed(sweep.end, attempt))
        return changes
