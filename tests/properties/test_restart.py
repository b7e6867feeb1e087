"""The law of restarts: an engine that dies at any moment, and one that goes on from the journal, tell together what one alone would have told."""

from __future__ import annotations

import asyncio
import math
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.strategies import scenes

from connwatch.daemon.restart import rebuild
from connwatch.engine import Engine, EngineOptions
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import in_memory
from connwatch.store.turn import Standing, Turn
from support import laws
from support.said import catalogue
from support.traffic import Traffic

FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
DEATHS = 6  # of each log, about; every one costs reading all again
CAPTURES = Path(__file__).parents[1] / "data" / "captures"
STALL = Path(__file__).parents[2] / "docs" / "examples" / "access.log"
LATE = datetime(2026, 11, 12, 12, tzinfo=UTC).timestamp()
BYTES_A_SECOND = 2000  # of the stall's log: eight lines


class Life:
    """Engines one after the other over one journal, and what was published of all of them. Cursors are positions in the bytes of a log."""

    gulps = (1, 1, 3, 10, 40)  # lines

    def __init__(self, logs: laws.Logs) -> None:
        self.logs = logs
        self.journal = Journal(in_memory())
        self.finals = laws.Finals(watching=True)
        self.deaths = 0
        self.rate = min(0.2, DEATHS * 5 / sum(text.count(b"\n") for text in logs.values()))  # at two moments of a turn of ten lines

    async def begin(self) -> None:
        """A new engine, where the journal says that the last one stood."""
        self.engine = Engine(catalogue(), EngineOptions(live=True, recording=True), key=b"laws")
        rebuilt = rebuild(self.engine, Library(self.journal.address), {}, lambda: None)
        assert [type(change).__name__ for change in rebuilt.changes] == [], "what was rebuilt is not what was told"
        self.at = dict.fromkeys(self.logs, 0)
        begun = Turn()
        for name in sorted(self.logs):
            standing = rebuilt.standings.get(name)
            if standing is None:
                self.engine.open_source(name)
                self.journal.known(name)
                begun.standings[name] = Standing(name, "0", self.engine.place(name))
            else:
                self.at[name] = int(standing.cursor or 0)
        self.journal.restored(rebuilt.standings)
        self.journal._trails = {name: type(self.journal._trails[name])([one]) for name, one in rebuilt.standings.items()}
        await self.journal.commit(begun)
        await self.journal.flush()

    async def turn(self, chance: random.Random) -> bool:
        """Read on in one log, decide, write it down, publish. False when all is read."""
        left = [name for name in sorted(self.logs) if self.at[name] < len(self.logs[name])]
        if not left:
            return False
        fronts = {name: self.engine.frontier(name) for name in left}
        oldest = min((front for front in fronts.values() if front is not None), default=0.0)
        name = chance.choice([one for one in left if (front := fronts[one]) is None or front <= oldest + 1.0])
        text, start = self.logs[name], self.at[name]
        end = start
        for _ in range(chance.choice(self.gulps)):
            end = text.find(b"\n", end) + 1 or len(text)
            if end == len(text):
                break
        turn = Turn()
        self.engine.feed(name, text[start:end])
        self.at[name] = end
        turn.take(self.engine.taken(), 0.0)
        turn.standings[name] = Standing(name, str(end), self.engine.place(name))
        turn.watermark = self.seen()
        changes = self.engine.advance(turn.watermark)
        if chance.random() < self.rate:
            self.deaths += 1  # before anything of this turn was written
            await self.begin()
            return True
        turn.changes = changes
        await self.journal.commit(turn)
        await self.journal.flush()
        self.finals.hear(changes)
        if chance.random() < self.rate:
            self.deaths += 1  # after it was written
            await self.begin()
        return True

    def seen(self) -> float:
        """How far the past has been seen."""
        known = [self.engine.frontier(one) for one in sorted(self.logs) if self.at[one] < len(self.logs[one])]
        return min((-math.inf if front is None else front for front in known), default=-math.inf) - laws.LATENESS

    async def end(self) -> list[dict[str, Any]]:
        for name in sorted(self.logs):
            self.engine.end_source(name)
        self.finals.hear(self.engine.finish())
        await self.journal.close()
        return self.finals.table()


class LateLife(Life):
    """The logs come an hour late, as from a link that was stuck; the clock goes on at certain bytes of them, and stands in most turns."""

    gulps = (1,)

    def seen(self) -> float:
        return LATE + sum(self.at.values()) // BYTES_A_SECOND


def lived(logs: laws.Logs, chance: random.Random, kind: type[Life] = Life, rate: float | None = None) -> tuple[list[dict[str, Any]], int]:
    async def story() -> tuple[list[dict[str, Any]], int]:
        life = kind(logs)
        life.rate = life.rate if rate is None else rate
        await life.begin()
        while await life.turn(chance):
            pass
        return await life.end(), life.deaths

    return asyncio.run(story())


@pytest.mark.timeout(300)  # a scene may be large, and each death reads all of it again
@FEW
@given(scenes(), st.integers(0, 10_000))
def test_any_number_of_deaths_changes_nothing(scene: Traffic, seed: int) -> None:
    found, _ = lived(scene.logs, random.Random(seed))
    assert found == laws.at_once(scene.logs)


@pytest.mark.parametrize(("name", "seeds"), [("ten", 2), ("mixed", 1), ("noise", 2)])
def test_of_recorded_traffic(name: str, seeds: int) -> None:
    logs = {path.name: path.read_bytes() for path in sorted((CAPTURES / name).glob("*.log"))}
    expected = laws.at_once(logs)
    lives = [lived(logs, random.Random(seed)) for seed in range(seeds)]
    assert sum(deaths for _, deaths in lives) > 2 * seeds
    assert [found for found, _ in lives] == [expected] * seeds


def test_of_lines_that_come_late() -> None:
    logs = {"nginx": STALL.read_bytes()}
    expected, _ = lived(logs, random.Random(0), LateLife, rate=0.0)
    assert len(expected) > 1
    lives = [lived(logs, random.Random(seed), LateLife, rate=0.07) for seed in range(6)]
    assert sum(deaths for _, deaths in lives) > 12
    assert [found for found, _ in lives] == [expected] * 6
