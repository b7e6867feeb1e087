"""Latency from a write to the file source's batch, and the CPU of waiting, for each way of waking it: the table of decision 0004.

python bench/wake.py
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from connwatch.sources.alarm import Alarm, Inotify, Patient, Watchfiles
from connwatch.sources.file import FileSource

LINES = 120
GAP_SECONDS = 0.03
IDLE_SECONDS = 4.0
WAYS: dict[str, tuple[Callable[[], Alarm], float]] = {
    "inotify": (Inotify, 1.0),
    "watchfiles, 1 ms": (lambda: Watchfiles(1), 1.0),
    "watchfiles, 50 ms": (lambda: Watchfiles(50), 1.0),
    "poll, 250 ms": (Patient, 0.25),
    "poll, 10 ms": (lambda: Patient(0.01), 0.01),
}


async def measured(path: Path, alarm: Callable[[], Alarm], poll: float) -> tuple[list[float], float]:
    """Latencies in milliseconds, sorted, and the CPU of an idle second in milliseconds."""
    took: list[float] = []

    async def read() -> None:
        async for batch in FileSource("bench", str(path), start="beginning", poll_seconds=poll, alarm=alarm).stream({}):
            now = time.perf_counter()
            took.extend((now - float(line)) * 1000 for line in batch.data.splitlines())

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.5)
    chance = random.Random(1)
    with path.open("ab", buffering=0) as file:
        for _ in range(LINES):
            file.write(b"%.9f\n" % time.perf_counter())
            await asyncio.sleep(GAP_SECONDS * chance.uniform(0.5, 1.5))
    await asyncio.sleep(1.2)
    before = time.process_time()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (time.process_time() - before) / IDLE_SECONDS * 1000
    reading.cancel()
    return sorted(took), idle


def main() -> None:
    """Measure every way."""
    print(f"{'what wakes':20} {'p50 ms':>8} {'p99 ms':>8} {'idle ms/s':>10}")
    for name, (alarm, poll) in WAYS.items():
        with TemporaryDirectory() as folder:
            path = Path(folder) / "bench.log"
            path.touch()
            took, idle = asyncio.run(measured(path, alarm, poll))
        print(f"{name:20} {took[len(took) // 2]:8.2f} {took[int(len(took) * 0.99) - 1]:8.2f} {idle:10.2f}")


if __name__ == "__main__":
    main()
