#!/usr/bin/env python3
"""Counts the order and the pace of steps in recorded traffic with known truth, and writes `catalogue/order.json`.

    tools/fit_order.py CAPTURES [--leave-out NAME] [--output FILE]

CAPTURES holds <name>/truth.json and the logs that it names. Only the proxies' logs are counted: the order of steps is the clients', whichever
log shows it. A capture with many attempts counts like one with a few, because its attempts are all of a kind. What is known besides of the order of
steps (`tools/known_order.toml`) counts a little.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

from connwatch import replayer
from connwatch.correlate.kinds import kind_of
from connwatch.correlate.tables import median
from connwatch.engine import Engine
from connwatch.model.change import Closed
from connwatch.model.event import Event
from connwatch.settings.loader import load_catalogue
from connwatch.sources.finished import Finished

ENOUGH = 6  # attempts of one capture that count in full
KNOWN = Path(__file__).parent / "known_order.toml"
SHIPPED = Path(__file__).parent.parent / "src" / "connwatch" / "catalogue" / "order.json"


def attempts_of(capture: Path) -> list[list[Event]]:
    """The proxy's events of each attempt, as truth has it, in order of start."""
    truth = json.loads((capture / "truth.json").read_text(encoding="utf-8"))
    source = next(one["file"] for one in truth["sources"] if one["role"] == "proxy")
    owner = {line: tag for tag, attempt in truth["attempts"].items() for line in attempt["lines"].get(source, ())}
    here = Path.cwd()
    os.chdir(capture)
    try:
        one = Finished(source, "nginx-proxy")
        one.open()
        played = list(replayer.replay(Engine(load_catalogue()), [one], lateness=2.0, on_problem=print))
    finally:
        os.chdir(here)
    grouped: dict[str, list[Event]] = defaultdict(list)
    for change in (change for changes in played for change in changes):
        if isinstance(change, Closed):
            for step in change.attempt.steps:
                tag = next((owner[e.line] for e in step.event.evidence if e.line in owner), None)
                if tag is not None and not step.event.noise:
                    grouped[tag].append(step.event)
    return [sorted(events, key=lambda event: (event.started_at, event.serial)) for events in grouped.values()]


def fitted(captures: list[Path]) -> dict[str, object]:
    """The counts and median gaps of all captures together."""
    begins: dict[str, float] = defaultdict(float)
    ends: dict[str, float] = defaultdict(float)
    follows: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    gaps: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    follows_two: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    gaps_two: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for capture in captures:
        attempts = attempts_of(capture)
        weight = min(1.0, ENOUGH / max(len(attempts), 1))
        for events in attempts:
            kinds = [kind_of(event) for event in events]
            begins[kinds[0]] += weight
            ends[kinds[-1]] += weight
            for index in range(1, len(events)):
                gap = max(events[index].started_at - events[index - 1].at, 0.001)
                follows[kinds[index - 1]][kinds[index]] += weight
                gaps[kinds[index - 1]][kinds[index]].append(gap)
                if index > 1:
                    two = f"{kinds[index - 2]} {kinds[index - 1]}"
                    follows_two[two][kinds[index]] += weight
                    gaps_two[two][kinds[index]].append(gap)
    known = tomllib.loads(KNOWN.read_text(encoding="utf-8"))
    for order in known["order"]:
        for after, count in order["then"].items():
            follows[order["after"]][after] += known["weight"] * count
    return {
        "follows": {a: _rounded(row) for a, row in sorted(follows.items())},
        "begins": _rounded(begins),
        "ends": _rounded(ends),
        "gaps": {a: _rounded({b: median(seen) for b, seen in row.items()}) for a, row in sorted(gaps.items())},
        "follows_two": {a: _rounded(row) for a, row in sorted(follows_two.items())},
        "gaps_two": {a: _rounded({b: median(seen) for b, seen in row.items()}) for a, row in sorted(gaps_two.items())},
    }


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {key: round(value, 4) for key, value in sorted(row.items())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", type=Path)
    parser.add_argument("--leave-out", action="append", default=[], metavar="NAME", help="a capture not to count (to score what was not learnt from)")
    parser.add_argument("--output", type=Path, default=SHIPPED)
    args = parser.parse_args()
    captures = [path.parent for path in sorted(args.captures.glob("*/truth.json")) if path.parent.name not in args.leave_out]
    if not captures:
        print(f"fit_order: no captures with truth in {args.captures}", file=sys.stderr)
        return 2
    args.output.write_text(json.dumps(fitted(captures), indent=1) + "\n", encoding="utf-8")
    print(f"{args.output}: {len(captures)} captures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
