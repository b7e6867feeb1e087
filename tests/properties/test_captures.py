"""The laws on recorded traffic: ten clients at once behind a tunnel, attempts of mixed outcomes, scanners beside a client."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from support import laws

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
NAMES = ("ten", "mixed", "noise")


def logs_of(name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((CAPTURES / name).glob("*.log"))}


@pytest.fixture(params=NAMES)
def logs(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return logs_of(request.param)


def test_line_by_line_and_in_small_blocks(logs: dict[str, bytes]) -> None:
    expected = laws.at_once(logs)
    assert len(expected) > 1
    assert laws.as_lines(logs) == expected
    assert laws.as_blocks(logs, [(name, text[at : at + 97]) for name, text in sorted(logs.items()) for at in range(0, len(text), 97)]) == expected


def test_byte_by_byte() -> None:
    logs = logs_of("noise")
    assert laws.as_bytes(logs) == laws.at_once(logs)


@pytest.mark.parametrize("seconds", [0.9])
def test_small_steps_of_the_clock(logs: dict[str, bytes], seconds: float) -> None:
    assert laws.stepped(logs, seconds, live=True) == laws.at_once(logs)


@pytest.mark.parametrize("seed", [1])
def test_watched_while_it_is_written(logs: dict[str, bytes], seed: int) -> None:
    expected = laws.at_once(logs)
    assert laws.watched(logs, random.Random(seed)) == expected
    assert laws.watched(logs, random.Random(seed), live=True) == expected
    assert laws.interleaved(logs, random.Random(seed)) == expected


@pytest.mark.parametrize("kept", ["proxy.log", "server.log"])
def test_one_log_alone(logs: dict[str, bytes], kept: str) -> None:
    alone = {kept: logs[kept]}
    assert laws.stepped(alone, 1.7) == laws.as_lines(alone) == laws.at_once(alone)


@pytest.mark.parametrize("name", NAMES)
def test_the_installed_program_gives_the_same_for_either_order_of_files_and_any_order_of_hashes(name: str) -> None:
    def replayed(*files: str, seed: str) -> list[str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CONNWATCH_")}
        done = subprocess.run(
            [sys.executable, "-m", "connwatch", "replay", "--json", *files],
            cwd=CAPTURES / name, env={**clean, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return sorted(done.stdout.splitlines())

    expected = replayed("proxy.log", "server.log", seed="0")
    assert expected
    assert replayed("server.log", "proxy.log", seed="0") == expected
    assert replayed("proxy.log", "server.log", seed="1") == expected
