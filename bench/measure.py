"""Time whole processes side by side: in turn, after a warm-up, medians. Must not know what the processes do.

Only ratios inside one run mean anything: every round starts each program once, so what else the machine does falls on all of them.
A peak below this program's own (some 15 MiB) shows as that, because a child begins as its copy.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

# As installed programs start: with stored bytecode (the warm-up writes it).
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Once(NamedTuple):
    """One process: seconds of wall clock, seconds of processor (user and system, children waited for too), peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


class Timing(NamedTuple):
    """Medians over the rounds, and what the last run printed."""

    wall: float
    cpu: float
    peak: float
    output: str


def once(argv: Sequence[str]) -> tuple[Once, str]:
    """Run one program to its end. Its output goes to a file: some programs do less for /dev/null. Raises RuntimeError on a bad status."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        actions = [(os.POSIX_SPAWN_DUP2, out.fileno(), 1), (os.POSIX_SPAWN_DUP2, errors.fileno(), 2)]
        child = os.posix_spawnp(argv[0], list(argv), ENVIRONMENT, file_actions=actions)
        _, status, used = os.wait4(child, 0)
        wall = time.perf_counter() - began
        out.seek(0)
        errors.seek(0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, 1):
            raise RuntimeError(f"{argv[0]}: exit {code}: {errors.read()[-400:].decode(errors='replace')}")
        return Once(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), out.read().decode(errors="replace")


def in_turn(programs: dict[str, Sequence[str]], rounds: int) -> dict[str, Timing]:
    """A B C, A B C, ...: one round to warm up, `rounds` that count."""
    taken: dict[str, list[Once]] = {name: [] for name in programs}
    printed: dict[str, str] = {}
    for turn in range(rounds + 1):
        for name, argv in programs.items():
            figures, printed[name] = once(argv)
            if turn:
                taken[name].append(figures)
    return {name: _median(runs, printed[name]) for name, runs in taken.items()}


def _median(runs: list[Once], output: str) -> Timing:
    middle = statistics.median
    return Timing(middle(run.wall for run in runs), middle(run.cpu for run in runs), middle(run.peak for run in runs), output)
