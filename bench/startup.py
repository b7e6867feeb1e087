#!/usr/bin/env python3
"""What starting costs, as ratios to a bare interpreter: `connwatch --help`, and `replay` of a small file.

startup.py [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile

import genlog
from measure import in_turn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--connwatch", default=str(pathlib.Path(sys.executable).parent / "connwatch"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "access.log"
        log.write_text("".join(genlog.lines(200, 1.0, 4, 5.0, 1)), encoding="utf-8")
        timings = in_turn(
            {
                "python -c pass": [sys.executable, "-c", "pass"],
                "connwatch --help": [args.connwatch, "--help"],
                "connwatch replay, 200 lines": [args.connwatch, "replay", f"nginx-proxy:{log}"],
            },
            args.rounds,
        )
    bare = timings["python -c pass"].wall
    if args.json:
        print(json.dumps({name: {"wall": took.wall, "ratio": took.wall / bare, "peak_mib": took.peak} for name, took in timings.items()}, indent=1))
        return 0
    print("| command | ms | × bare interpreter | peak MiB |\n| --- | --- | --- | --- |")
    for name, took in timings.items():
        print(f"| `{name}` | {took.wall * 1000:.0f} | {took.wall / bare:.1f} | {took.peak:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
