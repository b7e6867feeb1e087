"""Attempts told as facts, one a line (`tests/data/field.jsonl`): as lines of nginx-proxy's log, and what is made of them against what is known.

The shape is that of the shared field cases, with two words more in `expect`: `attempts`, how many there are beside probes, and `open`, why
connwatch does not yet say what an expert would.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connwatch.diagnose.serial import attempt_row
from connwatch.engine import Engine
from connwatch.model.attempt import GOOD
from connwatch.model.change import Closed
from support.said import catalogue

__all__ = ["Case", "cases", "lines_of", "made_of", "wrong"]

Case = dict[str, Any]

_FILE = Path(__file__).parents[1] / "data" / "field.jsonl"
_BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
_BEGIN = dt.datetime(2026, 8, 20, 10, 0, tzinfo=dt.UTC)
_STEP = 0.4  # seconds between two requests whose times are not told


def cases() -> Iterator[Case]:
    """All cases, as they stand in the file."""
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def lines_of(case: Case) -> bytes:
    """The log of a case. What it leaves open is filled in as the shared scorer does."""
    clock, rows = 0.0, []
    for one in case["timeline"]:
        clock = one["t"] if one["t"] is not None else clock + _STEP
        browser = one["actor"] == "browser"
        agent = one["ua"] or (_BROWSER if browser else "-")
        address = one["ip"] or ("203.0.113.7" if browser else "172.20.0.5")
        upstream = "-" if case["proxy_answers"] else "172.20.0.6:8080"
        when = f"{_BEGIN + dt.timedelta(seconds=clock):%d/%b/%Y:%H:%M:%S +0000}"
        request = f"{one['method']} {one['path']} HTTP/1.1"
        rows.append(f'mcp.example.org {address} - - [{when}] "{request}" {one["status"]} {one.get("bytes", 120)} "-" "{agent}" "{upstream}"\n')
    return "".join(rows).encode()


def made_of(log: bytes) -> list[dict[str, Any]]:
    """The attempts of a proxy's log, probes left out, those with the most lines first."""
    engine = Engine(catalogue())
    engine.open_source("access.log", "nginx-proxy")
    engine.feed("access.log", log)
    engine.end_source("access.log")
    changes = engine.finish()
    rows = [attempt_row(change.attempt) for change in changes if isinstance(change, Closed)]
    return sorted((row for row in rows if row["outcome"] != "probe"), key=lambda row: -len(row["events"]))


def wrong(case: Case, attempts: list[dict[str, Any]]) -> list[str]:
    """What was said that is not known to be so: of the attempt with the most lines, and of their number."""
    expect = case["expect"]
    best = attempts[0] if attempts else {"client": None, "outcome": None, "stuck_at": None, "diagnoses": []}
    first = best["diagnoses"][0]["code"] if best["diagnoses"] else None
    failed = expect["ok"] is False
    said = {
        "client": not expect["client"] or best["client"] in expect["client"],
        "outcome": expect["ok"] is None or (best["outcome"] in GOOD) == expect["ok"],
        "stuck_at": not failed or not expect["stuck"] or best["stuck_at"] in expect["stuck"],
        "diagnosis": not failed or not expect["codes"] or first in expect["codes"],
        "attempts": expect.get("attempts") is None or len(attempts) == expect["attempts"],
    }
    return [f"{word}: {best['outcome']} at {best['stuck_at']}, {first}, {len(attempts)} attempts" for word, right in said.items() if not right]
