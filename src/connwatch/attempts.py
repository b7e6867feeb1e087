"""The ledger of attempts: events go into the window, chains come out of it and become attempts that are judged and closed.

Part of the engine, and pure like it: knows the window, the judge and the times they ask for, but no bytes and no sources.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connwatch.correlate.fragment import Fragment
from connwatch.correlate.sweep import Sweep, Sweeps
from connwatch.correlate.tables import Tables
from connwatch.correlate.window import LOOKAHEAD, QUIET, Window
from connwatch.diagnose.judge import deadline, judge
from connwatch.model.attempt import Attempt, Step
from connwatch.model.change import Change, Closed, Evicted, Opened, Reached, Updated
from connwatch.model.event import Event
from connwatch.rules.catalogue import Catalogue

__all__ = ["Ledger"]

_LINGER = 60.0  # seconds after the last event during which a decided attempt may still grow
_STRAY = 4  # members: a longer chain is nobody's stray
_PROGRESS = frozenset({"resource+", "server+", "register+", "authorize+", "token+", "mcp+", "accepted", "stream+", "decision+"})


@dataclass(slots=True)
class _Told:
    """What was last said of an attempt."""

    attempt: Attempt
    steps: int = 0
    verdict: tuple[str, str | None, str] = ("", None, "")


@dataclass(slots=True)
class Ledger:
    """Open attempts and their window. `evicted` counts attempts closed early because there were more than `max_open`."""

    catalogue: Catalogue
    tables: Tables
    max_open: int = 10_000
    evicted: int = 0
    _window: Window = field(init=False)
    _sweeps: Sweeps = field(default_factory=Sweeps)
    _ended: list[Sweep] = field(default_factory=list)  # over, but not told yet: strays may still join them
    _told: dict[int, _Told] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._window = Window(self.tables)

    def take(self, events: Iterable[Event]) -> list[Change]:
        """Take events in order of time."""
        changes: list[Change] = []
        for event in events:
            due = self._window.due()
            if due is not None and event.started_at > due:
                changes += self._settle(due, due - LOOKAHEAD if due < self._window.newest + QUIET else due)
            if event.noise:
                ended = self._sweeps.add(event)
                if ended is not None:
                    self._ended.append(ended)
                continue
            if self._window.is_full():
                changes += self._settle(event.at, self._window.newest - LOOKAHEAD / 4)
            self._window.add(event)
        return changes

    def advance(self, now: float | None) -> list[Change]:
        """Decide and close what is due by `now`; None: at the end of the input."""
        changes: list[Change] = []
        if now is not None:
            self._ended += self._sweeps.over(now)
            due = self._window.due()
            if due is not None and due <= now:
                changes += self._settle(due, due - LOOKAHEAD if due < self._window.newest + QUIET else due)
            if due is None:
                changes += self._sweep_out(now)
            changes += self._close(now)
        return changes

    def finish(self) -> list[Change]:
        """End of the input: everything is decided and closed."""
        changes: list[Change] = []
        self._ended += self._sweeps.over(float("inf"))
        changes += self._settle(float("inf"), float("inf"))
        for chain in self._window.close(lambda _: True):
            changes += self._end(chain, None)
        return changes

    def touch(self, event: Event) -> None:
        """An event that was taken before has grown: nothing to do while it waits, and chains are judged anew when they are settled."""

    def due(self) -> float | None:
        """The next instant at which silence alone changes something."""
        dues = [d for d in (self._window.due(), min(self._due.values(), default=None)) if d is not None]
        return min(dues, default=None)

    def open_attempts(self, now: float) -> list[Attempt]:
        """The open attempts as they stand, judged at `now`."""
        out = []
        for chain in self._window.chains:
            told = self._told.get(id(chain))
            attempt = self._attempt(chain, told.attempt if told is not None else None)
            attempt.open = True
            judge(attempt, self.catalogue, now=now)
            out.append(attempt)
        return out

    # inside

    def _settle(self, now: float, until: float) -> list[Change]:
        changes: list[Change] = []
        known = {id(chain) for chain in self._window.chains}
        decided = self._window.settle(until)
        swept = self._absorb(decided)
        changes += self._sweep_out(until)
        for chain in decided:
            if id(chain) not in swept:
                changes += self._tell(chain, now)
        alive = {id(chain) for chain in self._window.chains}
        for gone in known - alive:
            self._told.pop(gone, None)
            self._due.pop(gone, None)
        if len(self._window.chains) > self.max_open:
            surplus = sorted(self._window.chains, key=lambda chain: chain.end)[: len(self._window.chains) - self.max_open]
            chosen = {id(chain) for chain in surplus}
            for chain in self._window.close(lambda chain: id(chain) in chosen):
                self.evicted += 1
                changes += self._end(chain, now, evicted=True)
        return changes

    def _tell(self, chain: Fragment, now: float) -> list[Change]:
        told = self._told.get(id(chain))
        attempt = self._attempt(chain, told.attempt if told is not None else None)
        attempt.open = True
        judge(attempt, self.catalogue, now=now if now != float("inf") else chain.end)
        changes: list[Change] = []
        if told is None:
            told = self._told[id(chain)] = _Told(attempt)
            changes.append(Opened(attempt.started_at, attempt))
        told.attempt = attempt
        changes += [Reached(step.event.at, attempt, step) for step in attempt.steps[told.steps :]]
        told.steps = len(attempt.steps)
        verdict = _verdict(attempt)
        if verdict != told.verdict:
            told.verdict = verdict
            changes.append(Updated(attempt.ended_at, attempt))
        due = deadline(attempt, self.catalogue)
        self._due[id(chain)] = max(due if due is not None else 0.0, attempt.ended_at + _LINGER)
        return changes

    def _close(self, now: float) -> list[Change]:
        changes: list[Change] = []
        due = {key for key, when in self._due.items() if when <= now}
        if due:
            for chain in self._window.close(lambda chain: id(chain) in due):
                changes += self._end(chain, self._due[id(chain)])
        return changes

    def _end(self, chain: Fragment, now: float | None, *, evicted: bool = False) -> list[Change]:
        told = self._told.pop(id(chain), None)
        self._due.pop(id(chain), None)
        attempt = self._attempt(chain, told.attempt if told is not None else None)
        self._judge(chain, attempt, now)
        attempt.open = False
        at = now if now is not None else attempt.ended_at
        changes: list[Change] = []
        if told is None:
            changes.append(Opened(attempt.started_at, attempt))
        changes += [Reached(step.event.at, attempt, step) for step in attempt.steps[told.steps if told is not None else 0 :]]
        changes.append(Evicted(at, attempt) if evicted else Closed(at, attempt))
        return changes

    def _judge(self, chain: Fragment, attempt: Attempt, now: float | None) -> None:
        """Judge an attempt; one of an ambiguous group by what became of the group: its own steps and those that somebody's must be."""
        whole = self._whole(chain)
        if len(whole) == 1:
            judge(attempt, self.catalogue, now=now)
            return
        own = attempt.steps
        steps = [Step(member.event, member.link if piece is chain else "ambiguous") for piece in whole for member in piece.members]
        attempt.steps = sorted(steps, key=lambda step: (step.event.started_at, step.event.at, step.event.serial))
        attempt.group = f"group-{_name(attempt.steps)}"
        judge(attempt, self.catalogue, now=now)
        attempt.steps = own
        attempt.started_at = min(step.event.started_at for step in own)
        attempt.ended_at = max(step.event.at for step in own)

    def _whole(self, chain: Fragment) -> list[Fragment]:
        """The pieces before and after this one that counting puts together."""
        before = {id(one.guess): one for one in self._window.pieces if one.guess is not None}
        whole = [chain]
        while (earlier := before.get(id(whole[0]))) is not None and earlier not in whole:
            whole.insert(0, earlier)
        while (later := whole[-1].guess) is not None and later not in whole:
            whole.append(later)
        return whole

    def _absorb(self, chains: list[Fragment]) -> set[int]:
        """Short chains that went nowhere, in the middle of a sweep and from its addresses, are part of it."""
        taken: set[int] = set()
        if not self._ended:
            return taken
        for chain in chains:
            if len(chain.members) > _STRAY or chain.sessions or any(m.kind in _PROGRESS for m in chain.members):
                continue
            homes = [next((s for s in self._ended if s.covers(m.event)), None) for m in chain.members]
            if all(home is not None for home in homes):
                taken.add(id(chain))
                for home, member in zip(homes, chain.members, strict=True):
                    if home is not None:
                        home.add(member.event)
        self._window.close(lambda chain: id(chain) in taken)
        return taken

    def _sweep_out(self, until: float) -> list[Change]:
        over = [sweep for sweep in self._ended if sweep.end <= until]
        self._ended = [sweep for sweep in self._ended if sweep.end > until]
        return [change for sweep in over for change in self._swept(sweep)]

    def _swept(self, sweep: Sweep) -> list[Change]:
        sweep.events.sort(key=lambda event: (event.started_at, event.serial))
        steps = [Step(event, "inferred") for event in sweep.events]
        attempt = Attempt(_name(steps), steps, noise=sweep.noise)
        judge(attempt, self.catalogue, now=None)
        return [Closed(sweep.end, attempt)]

    @staticmethod
    def _attempt(chain: Fragment, known: Attempt | None) -> Attempt:
        steps = [Step(member.event, member.link) for member in chain.members]
        if known is not None:
            return Attempt(known.id, steps)
        return Attempt(_name(steps), steps)


def _name(steps: list[Step]) -> str:
    """A short name that follows from where the first event stands in its log, so that a replay gives the same one."""
    first = steps[0].event
    place = first.evidence[0]
    text = f"{place.source}\0{place.line}\0{first.started_at:.6f}\0{first.path}"
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()


def _verdict(attempt: Attempt) -> tuple[str, str | None, str]:
    return attempt.outcome.value, attempt.stuck_at, attempt.diagnoses[0].code if attempt.diagnoses else ""
