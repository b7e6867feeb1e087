"""A queue of parcels in memory, a clock that the test winds, and messages: for the courier without a store and without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from connwatch.alerts.text import Text, Tone
from connwatch.notify.courier import Parcel
from connwatch.notify.post import Outcome
from connwatch.notify.targets import Target

NOON = 1_795_521_600.0


class Clock:
    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class MemoryQueue:
    """Keeps what a store would keep; `noted` tells what was noted, in its order."""

    def __init__(self) -> None:
        self.waiting: dict[int, tuple[Parcel, float]] = {}
        self.noted: list[tuple[str, int, float, str]] = []
        self.arrived: list[tuple[str, float]] = []
        self.asked = 0

    def put(self, target: str, text: Text, at: float) -> None:
        number = 1 + max([*self.waiting, *(row[1] for row in self.noted)], default=0)
        self.waiting[number] = (Parcel(number, target, text, 0, at), at)

    def due(self, target: str, now: float) -> Sequence[Parcel]:
        self.asked += 1
        return [parcel for _, (parcel, at) in sorted(self.waiting.items()) if parcel.target == target and at <= now]

    def next_due(self, target: str) -> float | None:
        return min((at for parcel, at in self.waiting.values() if parcel.target == target), default=None)

    def pending(self, target: str) -> int:
        return sum(parcel.target == target for parcel, _ in self.waiting.values())

    def arrivals(self, target: str, after: float) -> Sequence[float]:
        return [at for name, at in self.arrived if name == target and at > after]

    async def sent(self, parcels: Sequence[Parcel], at: float) -> None:
        for parcel in parcels:
            del self.waiting[parcel.id]
            self.noted.append(("sent", parcel.id, at, ""))
        self.arrived.append((parcels[0].target, at))

    async def failed(self, parcel: Parcel, at: float, error: str, again_at: float | None) -> None:
        del self.waiting[parcel.id]
        if again_at is None:
            self.noted.append(("given up", parcel.id, at, error))
            return
        self.noted.append(("failed", parcel.id, again_at - at, error))
        self.waiting[parcel.id] = (Parcel(parcel.id, parcel.target, parcel.text, parcel.tries + 1, parcel.created_at), again_at)


class Mailbox:
    """Stands for the way to the services: what came, and per target what they answer ("" takes it, None never answers)."""

    def __init__(self) -> None:
        self.came: list[tuple[str, Text]] = []
        self.answers: dict[str, str | None] = {}
        self.cut_off: list[str] = []

    def titles(self, target: str) -> list[str]:
        return [text.title for name, text in self.came if name == target]

    async def __call__(self, target: Target, text: Text, deadline: float) -> Outcome:
        self.came.append((target.name, text))
        answer = self.answers.get(target.name, "")
        if answer is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cut_off.append(target.name)
                raise
        return Outcome(answer == "", answer or "", 0.0)


def message(title: str, *, tone: Tone = "failure", **more: object) -> Text:
    made = {"title": title, "plain": f"{title}, plainly", "markdown": f"*{title}*", "html": f"<p>{title}</p>", "tone": tone, **more}
    return Text(**made)  # type: ignore[arg-type]


def target(name: str) -> Target:
    return Target(name, f"json://{name}.example.org/")
