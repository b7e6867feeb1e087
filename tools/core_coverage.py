#!/usr/bin/env python3
"""Branch coverage of the pure core by its own unit tests, floor by floor, with a gate.

A floor is covered by the tests that stand beside it (tests/unit/<floor>) and by the laws of the engine (tests/properties):
what only an end-to-end test happens to run does not count. Lines left out are those that [tool.coverage.report] names in
pyproject.toml, each with its reason. Exit status 1 when statements or branches of the core are below the gate.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORE = ("model", "parse", "rules", "correlate", "diagnose", "attempts", "engine", "alerts")
LAWS = ("laws", "captures", "renamed")  # those of the engine; the others are laws of its surroundings, and slow when they are traced
SLOW = ("parse",)  # half of the time, with the laws
GATE = 95.0  # per cent, statements and branches each


def floor_of(path: str) -> str:
    """The floor that a module's path belongs to."""
    first = pathlib.PurePath(path).relative_to("src/connwatch").parts[0]
    return first.removesuffix(".py")


def tests_of_the_core() -> tuple[list[str], list[str]]:
    """In two halves that take about as long."""
    units = [ROOT / "tests" / "unit" / name for name in CORE] + [ROOT / "tests" / "unit" / f"test_{name}.py" for name in CORE]
    laws = [ROOT / "tests" / "properties" / f"test_{name}.py" for name in LAWS]
    others = [place for place in units if place.name not in SLOW]
    rest = [place for place in units if place.name in SLOW]
    first, second = ([str(place.relative_to(ROOT)) for place in half if place.exists()] for half in (others, [*rest, *laws]))
    return first, second


def measure(arguments: list[str]) -> dict[str, Any]:
    """Run the core's tests under coverage, in two processes. Exits with pytest's status when they fail."""
    with tempfile.TemporaryDirectory() as folder:
        data, report = pathlib.Path(folder) / "data", pathlib.Path(folder) / "report.json"
        coverage = [sys.executable, "-m", "coverage"]
        environment = {**os.environ, "COVERAGE_FILE": str(data)}
        run = [*coverage, "run", "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", *arguments]
        halves = [subprocess.Popen([*run, *half], cwd=ROOT, env=environment) for half in tests_of_the_core()]
        status = max([half.wait() for half in halves])
        if status:
            sys.exit(status)
        patterns = ",".join(f"src/connwatch/{name}/*,src/connwatch/{name}.py" for name in CORE)
        subprocess.run([*coverage, "combine", "-q"], cwd=ROOT, env=environment, check=True)
        subprocess.run([*coverage, "json", "-q", f"--include={patterns}", "-o", str(report)], cwd=ROOT, env=environment, check=True)
        loaded: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return loaded


def per_cent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missing", action="store_true", help="name what is not covered")
    parser.add_argument("pytest", nargs="*", help="further arguments for pytest")
    args = parser.parse_args()
    files = measure(args.pytest)["files"]
    sums: dict[str, list[int]] = {}
    for path, told in sorted(files.items()):
        row = sums.setdefault(floor_of(path), [0, 0, 0, 0, 0])
        numbers = told["summary"]
        for place, key in enumerate(("covered_lines", "num_statements", "covered_branches", "num_branches", "excluded_lines")):
            row[place] += numbers[key]
        if args.missing and (told["missing_lines"] or told["missing_branches"]):
            print(f"{path}: lines {told['missing_lines']}, branches {told['missing_branches']}")
    sums["core"] = [sum(row[place] for row in sums.values()) for place in range(5)]
    print(f"{'floor':12} {'statements':>11} {'branches':>9} {'left out':>9}")
    for name, (lines, all_lines, branches, all_branches, left_out) in sums.items():
        print(f"{name:12} {per_cent(lines, all_lines):10.1f}% {per_cent(branches, all_branches):8.1f}% {left_out:9d}")
    lines, all_lines, branches, all_branches, _ = sums["core"]
    if min(per_cent(lines, all_lines), per_cent(branches, all_branches)) < GATE:
        print(f"coverage: the core is below {GATE:.0f} % (what is missing: make coverage ARGS=--missing)", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
