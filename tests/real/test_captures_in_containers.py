"""Replay = live through a real engine: every recorded capture is printed by containers, and what is followed is what `docker logs -t` replays."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connwatch.daemon.recorder import Recorder
from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine, EngineOptions
from connwatch.sources.containers import Choice
from connwatch.sources.docker import DockerSource
from connwatch.store.journal import Journal
from connwatch.store.library import Library
from connwatch.store.opening import in_memory
from support.dockerd import Dockerd, dockerd, missing
from support.live import until
from support.replaying import Finals, replayed
from support.said import catalogue

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "captures"
NAMES = sorted(path.parent.name for path in CASES.glob("*/truth.json"))
WHY = missing() or (None if NAMES else "no recorded captures beside this clone")
pytestmark = [pytest.mark.real, pytest.mark.skipif(WHY is not None, reason=str(WHY))]
LOCAL = re.compile(rb"\[\d\d/\w{3}/\d{4}:[\d:]{8} [+-]\d{4}\]")
"""nginx's own time: it is written anew, because a proxy whose clock is hours off is another story."""


@pytest.fixture(scope="module")
def engine() -> Iterator[Dockerd]:
    with dockerd() as running:
        yield running


def printed(engine: Dockerd, name: str) -> bytes:
    done = subprocess.run(["docker", "-H", engine.host, "logs", "-t", name], capture_output=True, timeout=60, check=True)
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_what_containers_print_is_followed_as_it_is_replayed(engine: Dockerd, tmp_path: Path, name: str) -> None:
    plain = {one["file"].partition(".")[0]: CASES / name / one["plain"] for one in json.loads((CASES / name / "truth.json").read_text())["sources"]}

    async def story() -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]], dict[str, bytes]]:
        sources = [DockerSource(role, Choice(role), host=engine.host, start="beginning") for role in plain]
        finals, journal = Finals(), Journal(in_memory())
        recorder = Recorder(Engine(catalogue(), EngineOptions(live=True, recording=True)), sources, [finals], journal=journal, heartbeat=0.1)
        task = asyncio.create_task(recorder.run())
        try:
            for role, path in plain.items():
                (tmp_path / role).write_bytes(LOCAL.sub(time.strftime("[%d/%b/%Y:%H:%M:%S +0000]", time.gmtime()).encode(), path.read_bytes()))
                await asyncio.to_thread(engine.run, role, "cat /in", "-v", f"{tmp_path / role}:/in:ro")
                await asyncio.to_thread(engine.docker, "wait", role)
            logs = {role: await asyncio.to_thread(printed, engine, role) for role in plain}
            sizes = {role: len(text) for role, text in logs.items()}
            await until(lambda: {source.name: source.status.bytes for source in sources} == sizes and not recorder._intake.count, 30)
        finally:
            recorder.end()
            await task
        stored = {attempt.id: attempt_row(attempt) for attempt in Library(journal.address).attempts(limit=100_000)}
        await journal.close()
        return finals.attempts, stored, logs

    try:
        found, stored, logs = asyncio.run(asyncio.wait_for(story(), 100))
    finally:
        for role in plain:
            engine.docker("rm", "-f", role)
    assert found == replayed(tmp_path, logs)
    assert stored == found
