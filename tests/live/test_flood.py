"""One real attempt stalls while somebody floods the log: memory, series, state and messages stay small, and the real one is still told.

30,000 lines here; `make flood` takes a million (CONNWATCH_FLOOD_LINES says how many), and prints what it saw.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.flood import SERVER, block, forged
from support.lines import proxy, story
from support.services import Web, web
from support.site import wait
from support.told import Told

LINES = int(os.environ.get("CONNWATCH_FLOOD_LINES", "30000"))
REPORT = os.environ.get("CONNWATCH_FLOOD_REPORT", "")
AHEAD, BLOCK = 20_000, 2_000
MOST_RSS = 400  # MiB
MOST_SERIES = 10_000
MOST_STATE = 400  # MiB: state.max_mb, an eighth, what comes in five seconds, and what SQLite has not given back yet
MOST_NOTICES, MOST_ALERTS = 60, 300
FEW_SERIES = 50
PATIENCE = 300 + LINES / 5000  # seconds: a wait costs nothing where all goes well, and a busy machine settles a backlog slowly
HERE = 0.0
"""The share of the forged lines that goes to the real server: whoever sends these from ever new addresses can blur what belongs together there."""
REAL = "Claude (hosted) → mcp.example.org: A token was issued, and no MCP request came"


def series(told: Told) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{told.port}/metrics", timeout=60) as answer:
        return sum(1 for line in answer.read().decode().splitlines() if line and not line.startswith("#"))


def everything(sink: Web) -> list[str]:
    """Every line of text that arrived."""
    bodies = [json.loads(asked.body) for asked in sink.requests]
    return [line for body in bodies for line in (body["title"], *body["message"].splitlines())]


def counts(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as state:
        tables = ("records", "changes", "attempts", "alerts", "notices")
        return {table: state.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}


def ask(told: Told, path: str) -> Any:
    with urllib.request.urlopen(f"http://127.0.0.1:{told.port}{path}", timeout=60) as answer:
        return json.loads(answer.read())


def lines_read(told: Told) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{told.port}/api/sources", timeout=60) as answer:
        return sum(one["lines"] for one in json.loads(answer.read())["sources"])


def peak(pid: int) -> int:
    """Most memory that the process has had, in MiB."""
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) // 1024


class Flood:
    """Writes forged lines as fast as they are read, and the lines of a real attempt each at its moment."""

    def __init__(self, told: Told) -> None:
        self.told, self.source, self.written = told, forged(1, HERE), told.log.read_bytes().count(b"\n")
        self.real: list[tuple[float, str]] = []

    def begins(self, until: int, state: str) -> None:
        """Somebody begins to connect now."""
        now = time.time()
        rows = [row.split(" ", 1) for row in story(until=until, state=state).splitlines()]
        self.real = [(now + float(seconds), f"0.0 {rest}") for seconds, rest in rows]

    def write(self, count: int) -> None:
        until = self.written + count
        while self.written < until:
            now = time.time()
            with self.told.log.open("ab") as log:
                while self.real and self.real[0][0] <= now:
                    at, row = self.real.pop(0)
                    log.write(proxy(row, base=at, stamps=False))
                    self.written += 1
                if self.written - lines_read(self.told) < AHEAD:
                    log.write(block(self.source, BLOCK, now))
                    self.written += BLOCK
            time.sleep(0.02)


@pytest.mark.real
@pytest.mark.timeout(1000 + LINES // 200)
def test_a_flood_of_forged_attempts_neither_fills_memory_nor_drowns_the_real_one(tmp_path: Path) -> None:
    with web() as sink:
        told = Told(tmp_path, f"name:phone={sink.url('/inbox', 'json')}\n", "rate_seconds = 15\n")
        try:
            look(told, sink)
        finally:
            told.end()


def look(told: Told, sink: Web) -> None:
    told.start()
    assert told.daemon is not None
    told.happens(agent="chatgpt", state="before")  # somebody connects, so that this server is a known one
    wait(lambda: ask(told, "/api/attempts?outcome=connected")["attempts"])
    flood, began = Flood(told), time.monotonic()
    flood.write(LINES // 2)
    before, began_at = series(told), time.time()
    flood.begins(6, "real")
    flood.write(LINES // 2)
    while flood.real:
        flood.write(BLOCK)
    wait(lambda: lines_read(told) == flood.written, 300 + PATIENCE)
    took = time.monotonic() - began

    def real() -> list[dict[str, Any]]:
        """The attempts of this server and client to which a token was given: a stranger cannot bring that about."""
        found = ask(told, f"/api/attempts?client=claude&server={SERVER}&limit=500&since={began_at - 1}&outcome=stalled")["attempts"]
        return [row for row in found if ("token", 200) in [(event["stage"], event["status"]) for event in row["events"]]]

    wait(real, PATIENCE)
    (attempt,) = real()
    assert (attempt["stuck_at"], attempt["diagnoses"][0]["code"]) == ("session", "token-unused")
    wait(lambda: [title for title in everything(sink) if REAL in title], PATIENCE)

    sizes = counts(told.folder / "state.db")
    memory, state = peak(told.daemon.pid), sum(file.stat().st_size for file in told.folder.glob("state.db*")) >> 20
    row = {"lines": flood.written, "seconds": round(took), "rss": memory, "series": series(told), "state": state, "messages": len(sink.requests)}
    seen = {**row, **sizes, "real": [event["stage"] for event in attempt["events"]]}
    if REPORT:
        Path(REPORT).write_text(json.dumps(seen, indent=1) + "\n")
    assert "Traceback" not in told.said()
    assert memory < MOST_RSS
    assert series(told) < MOST_SERIES
    assert abs(series(told) - before) < FEW_SERIES
    assert state < MOST_STATE
    assert sizes["notices"] <= MOST_NOTICES
    assert sizes["alerts"] <= MOST_ALERTS
    assert len(sink.requests) <= 6 * (took + 120) / 15
