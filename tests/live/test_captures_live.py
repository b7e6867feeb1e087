"""Replay = live: every recorded capture, written line by line into files that a recorder follows, gives the attempts of its finished logs."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.recorder import Recorder
from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine, EngineOptions
from connwatch.sources.file import FileSource
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import in_memory
from support.live import until
from support.replaying import Finals, replayed
from support.said import catalogue

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "captures"
NAMES = sorted(path.parent.name for path in CASES.glob("*/truth.json"))


@pytest.fixture(params=NAMES or [pytest.param("", marks=pytest.mark.skip(reason="no recorded captures beside this clone"))])
def capture(request: pytest.FixtureRequest) -> dict[str, bytes]:
    folder = CASES / request.param
    return {one["file"]: (folder / one["file"]).read_bytes() for one in json.loads((folder / "truth.json").read_text())["sources"]}


def in_time(capture: dict[str, bytes]) -> list[tuple[float, str, bytes]]:
    """The lines of all logs in the order in which they were written; a line without a stamp came with the one before it."""
    rows = []
    for name, text in capture.items():
        at = 0.0
        for line in text.splitlines(keepends=True):
            try:
                at = datetime.fromisoformat(line[:26].decode() + "+00:00").timestamp()
            except ValueError:
                pass
            rows.append((at, name, line))
    return sorted(rows, key=lambda row: row[0])


def test_every_capture_live(capture: dict[str, bytes], tmp_path: Path) -> None:
    expected = replayed(tmp_path, capture)
    rows = in_time(capture)
    chance = random.Random(len(rows))
    clock = [rows[0][0]]

    async def story() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
        for name in capture:
            (tmp_path / name).touch()
        sources = [FileSource(name, str(tmp_path / name), start="beginning", now=lambda: clock[0]) for name in capture]
        finals, journal = Finals(), Journal(in_memory())
        engine = Engine(catalogue(), EngineOptions(live=True, recording=True))
        recorder = Recorder(engine, sources, [finals], journal=journal, now=lambda: clock[0], heartbeat=0.05)
        task = asyncio.create_task(recorder.run())
        written, at = 0, 0
        while at < len(rows):
            size = chance.choice([1, 3, 10, 40, 200])
            for _, name, line in rows[at : at + size]:
                with (tmp_path / name).open("ab") as file:
                    file.write(line)
                written += len(line)
            at += size
            await until(lambda written=written: sum(source.status.bytes for source in sources) == written and not recorder._intake.count)
            clock[0] = rows[min(at, len(rows)) - 1][0]
        recorder.end()
        await task
        stored = {attempt.id: attempt_row(attempt) for attempt in Library(journal.address).attempts(limit=100_000)}
        await journal.close()
        return finals.attempts, stored

    found, stored = asyncio.run(asyncio.wait_for(story(), 100))
    assert found == expected
    assert stored == expected
