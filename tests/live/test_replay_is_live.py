"""The law that the rest stands on: lines that are watched while they are written give the same attempts as the finished files.

The recorded demonstration is written in pieces, with rotations and truncation between them, under a clock that follows the lines.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.played import Entry, recorded
from connwatch.daemon.recorder import Recorder
from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine, EngineOptions
from connwatch.model.change import Change, Closed, Evicted, Opened, Withdrawn
from connwatch.replayer import replay
from connwatch.settings.loader import load_catalogue
from connwatch.sources.file import FileSource
from connwatch.sources.finished import Finished
from support.live import until

START = 1_795_500_000.0
LOGS = ("nginx-proxy", "coda-mcp")
CATALOGUE = load_catalogue()


class Finals:
    """A sink that keeps attempts as they are published when they are final; who is `watching` heard of each when it began."""

    def __init__(self, *, watching: bool) -> None:
        self.attempts: dict[str, dict[str, Any]] = {}
        self.open: set[str] = set()
        self.watching = watching

    def receive(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, Opened):
                assert change.attempt.id not in self.open, "told twice of one beginning"
                self.open.add(change.attempt.id)
            elif self.watching:
                assert change.attempt.id in self.open or change.attempt.noise, "told of an attempt that nobody saw begin"
            if isinstance(change, Closed | Evicted | Withdrawn):
                self.open.discard(change.attempt.id)
            if isinstance(change, Closed | Evicted):
                self.attempts[change.attempt.id] = attempt_row(change.attempt)


def replayed(folder: Path, entries: list[Entry]) -> dict[str, dict[str, Any]]:
    """What `replay` makes of the finished files; sources are named as the live ones are."""
    inputs = []
    for log in LOGS:
        path = folder / f"{log}.finished"
        path.write_bytes(b"".join(entry.line(START + entry.after) for entry in entries if entry.log == log))
        inputs.append(Finished(str(path)))
        inputs[-1].open()
        inputs[-1].name = log
    finals = Finals(watching=False)
    for changes in replay(Engine(CATALOGUE), inputs, lateness=2.0, on_problem=lambda error: pytest.fail(str(error))):
        finals.receive(changes)
    return finals.attempts


async def watched(folder: Path, entries: list[Entry], seed: int, tick: float | None = None) -> dict[str, dict[str, Any]]:
    """The same lines through the file source, in pieces of any size, while their files are rotated and truncated.

    The clock goes on once a piece is read, because a line that is read later than the lateness allows may count as late. With `tick` it
    does so in steps of so many seconds, and the engine is told of each.
    """
    chance = random.Random(seed)
    paths = {log: folder / f"{log}.log" for log in LOGS}
    for path in paths.values():
        path.touch()
    clock = [START]
    sources = {log: FileSource(log, str(path), start="beginning", now=lambda: clock[0]) for log, path in paths.items()}
    finals = Finals(watching=True)
    recorder = Recorder(Engine(CATALOGUE, EngineOptions(live=True)), list(sources.values()), [finals], now=lambda: clock[0], heartbeat=0.05)
    task = asyncio.create_task(recorder.run())
    written = dict.fromkeys(LOGS, 0)

    def all_read() -> bool:
        return all(sources[log].status.bytes == written[log] for log in LOGS) and not recorder._intake.count

    at = 0
    while at < len(entries):
        size = chance.choice([1, 2, 5, 20, 60])
        for entry in entries[at : at + size]:
            line = entry.line(START + entry.after)
            half = chance.randrange(len(line)) if chance.random() < 0.2 else 0
            with paths[entry.log].open("ab", buffering=0) as file:
                file.write(line[:half])
                file.write(line[half:])
            written[entry.log] += len(line)
        at += size
        what = chance.random()
        path = paths[chance.choice(LOGS)]
        if what < 0.1:
            path.rename(path.with_suffix(f".{at}"))
            path.touch()
        await until(all_read)
        clock[0] = (
            START + entries[min(at, len(entries)) - 1].after
        )  # a line that is read later than the lateness allows is late, and may count as such
        if what > 0.9:
            path.write_bytes(b"")
    await until(all_read)
    recorder.end()
    await task
    assert not finals.open
    return finals.attempts


@pytest.mark.parametrize("seed", [1, 2])
def test_watching_a_log_grow_gives_the_attempts_of_the_finished_log(tmp_path: Path, seed: int) -> None:
    entries = recorded()
    expected = replayed(tmp_path, entries)
    found = asyncio.run(watched(tmp_path, entries, seed))
    assert sorted(found) == sorted(expected)
    for name, attempt in expected.items():
        assert found[name] == attempt


def test_a_clock_that_ticks_changes_nothing(tmp_path: Path) -> None:
    entries = recorded()
    expected = replayed(tmp_path, entries)
    assert asyncio.run(watched(tmp_path, entries, 3, tick=1.0)) == expected


def test_a_backlog_that_is_there_at_the_start_is_read_like_a_replay(tmp_path: Path) -> None:
    entries = recorded()
    expected = replayed(tmp_path, entries)

    async def story() -> dict[str, dict[str, Any]]:
        for log in LOGS:
            (tmp_path / f"{log}.log").write_bytes((tmp_path / f"{log}.finished").read_bytes())
        now = START + entries[-1].after
        sources = [FileSource(log, str(tmp_path / f"{log}.log"), start="beginning", now=lambda: now) for log in LOGS]
        finals = Finals(watching=True)
        recorder = Recorder(Engine(CATALOGUE, EngineOptions(live=True)), sources, [finals], now=lambda: now, heartbeat=0.05)
        task = asyncio.create_task(recorder.run())
        sizes = sum((tmp_path / f"{log}.log").stat().st_size for log in LOGS)
        await until(lambda: sum(source.status.bytes for source in sources) == sizes)
        recorder.end()
        await task
        return finals.attempts

    assert asyncio.run(story()) == expected
