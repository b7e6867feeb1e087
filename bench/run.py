#!/usr/bin/env python3
"""Speed as ratios inside one run: connwatch's full pipeline beside mtail and lnav, which count, and a C program as the floor.

    run.py [--mix sparse|dense|both] [--lines N] [--rounds N] [--memory] [--shared DIR] [--json]

`sparse` has 3 % connector lines, `dense` nothing else. connwatch parses, groups into attempts and judges; the others only count lines by
host and status, and connector lines by stage and status. --shared takes generator, floor and programs from another folder of the same
file names. --memory adds connwatch alone on ten times as many lines. What is missing is installed with apt when this is run as root.
Nothing here passes or fails: the figures are for people.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from measure import Timing, in_turn

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE / ".cache"
SHARE = {"sparse": 0.03, "dense": 1.0}
LINES = {"sparse": 1_000_000, "dense": 200_000}
PACKAGES = {"mtail": "mtail", "lnav": "lnav", "cc": "gcc"}
COUNT_BY_SITE = ";SELECT {site}, {status}, count(*) FROM {table} GROUP BY 1, 2"


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr)


def provide() -> None:
    """Install the peers where that is allowed; say what is missing where it is not."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {' '.join(missing)}")
        packages = [*missing, *(["libc6-dev"] if "gcc" in missing else [])]
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", "-qq", *arguments], capture_output=True, check=False)
    for program, package in PACKAGES.items():
        if not shutil.which(program):
            say(f"no {program}, measured without it (apt-get install {package})")


def log_of(mix: str, lines: int, tools: pathlib.Path) -> pathlib.Path:
    """The generated log, made once and kept."""
    ours = tools == HERE
    path = CACHE / f"{mix}-{lines}{'' if ours else '-given'}.log"
    if not path.exists():
        say(f"writing {path.name}")
        partial = path.with_suffix(".partial")
        option = "--share" if ours else "--ratio"
        subprocess.run([sys.executable, str(tools / "genlog.py"), "-n", str(lines), option, str(SHARE[mix]), "-o", str(partial)], check=True)
        partial.rename(path)
    return path


def floor_of(tools: pathlib.Path) -> str | None:
    if not shutil.which("cc"):
        return None
    program = CACHE / ("floor" if tools == HERE else "floor-given")
    subprocess.run(["cc", "-O3", "-march=native", "-w", "-o", str(program), str(tools / "floor.c")], check=True)
    return str(program)


def lnav_command(tools: pathlib.Path, log: pathlib.Path) -> list[str]:
    config, names = HERE / "lnav", {"table": "connwatch_bench", "site": "site", "status": "status"}
    if tools != HERE:
        config = CACHE / "lnav-given"
        (config / "formats" / "given").mkdir(parents=True, exist_ok=True)
        shutil.copy(tools / "lnav_vhost.json", config / "formats" / "given" / "format.json")
        names = {"table": "nginx_vhost", "site": "host", "status": "status"}
    return ["lnav", "-n", "-I", str(config), "-c", COUNT_BY_SITE.format(**names), str(log)]


def programs_for(log: pathlib.Path, tools: pathlib.Path, connwatch: str) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    floor = floor_of(tools)
    if floor:
        found["C floor"] = [floor, str(log)]
    found["connwatch"] = [connwatch, "replay", "--stats", f"nginx-proxy:{log}"]
    if shutil.which("lnav"):
        found["lnav"] = lnav_command(tools, log)
    if shutil.which("mtail"):
        options = ["--one_shot", "--one_shot_format", "prometheus", "--address", "127.0.0.1", "--port", "0"]
        found["mtail"] = ["mtail", *options, "--progs", str(tools / "connwatch.mtail"), "--logs", str(log)]
    return found


def lines_told(name: str, output: str) -> int | None:
    """How many lines a program says it read: they must agree, or the comparison is void."""
    pattern = {"C floor": r"lines=(\d+)", "connwatch": r'"lines": ?(\d+)', "mtail": r"^lines_total\{[^}]*\} ([\d.e+]+)"}.get(name)
    hit = re.search(pattern, output, re.MULTILINE) if pattern else None
    return int(float(hit[1])) if hit else None  # mtail says a million as 1e+06


def table(mix: str, count: int, timings: dict[str, Timing]) -> str:
    mine = timings["connwatch"]
    head = ["program", "wall s", "thousand lines/s", "CPU s", "peak MiB", "its time / connwatch's", "its CPU / connwatch's"]
    rows = [f"{mix}, {count:,} lines", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, took in timings.items():
        ratio = f"{took.wall / mine.wall:.2f} | {took.cpu / mine.cpu:.2f}"
        rows.append(f"| {name} | {took.wall:.2f} | {count / took.wall / 1000:,.0f} | {took.cpu:.2f} | {took.peak:.0f} | {ratio} |")
    said = []
    if "mtail" in timings:
        said.append(f"{timings['mtail'].wall / mine.wall:.1f} times as fast as mtail")
    if "C floor" in timings:
        said.append(f"{mine.wall / timings['C floor'].wall:.1f} times the time of the C floor")
    if "lnav" in timings:
        said.append(f"{timings['lnav'].wall / mine.wall:.1f} times as fast as lnav")
    return "\n".join([*rows, "", f"connwatch: {', '.join(said) or 'nothing to compare with'}."])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mix", choices=["sparse", "dense", "both"], default="both")
    parser.add_argument("--lines", type=int, help="lines of each log (default: 1,000,000 sparse, 200,000 dense)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="also connwatch alone on ten times the lines of the sparse mix")
    parser.add_argument("--shared", type=pathlib.Path, help="a folder whose genlog.py, floor.c, connwatch.mtail and lnav_vhost.json are used instead")
    parser.add_argument("--connwatch", default=str(pathlib.Path(sys.executable).parent / "connwatch"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    CACHE.mkdir(exist_ok=True)
    provide()
    tools = args.shared.resolve() if args.shared else HERE
    gathered: dict[str, dict[str, dict[str, float]]] = {}
    for mix in ("sparse", "dense") if args.mix == "both" else (args.mix,):
        count = args.lines or LINES[mix]
        timings = in_turn(programs_for(log_of(mix, count, tools), tools, args.connwatch), args.rounds)
        told = {name: lines_told(name, took.output) for name, took in timings.items()}
        if len({number for number in told.values() if number is not None}) > 1:
            say(f"the programs did not read the same lines: {told}")
        gathered[mix] = {name: {"wall": took.wall, "cpu": took.cpu, "peak_mib": took.peak} for name, took in timings.items()}
        if not args.json:
            print(table(mix, count, timings), end="\n\n")
    if args.memory:
        small, large = (args.lines or LINES["sparse"]), 10 * (args.lines or LINES["sparse"])
        peaks = {}
        for count in (small, large):
            command = [args.connwatch, "replay", "--stats", f"nginx-proxy:{log_of('sparse', count, tools)}"]
            peaks[count] = in_turn({"connwatch": command}, 1)["connwatch"].peak
        gathered["memory"] = {"connwatch": {str(count): peak for count, peak in peaks.items()}}
        if not args.json:
            print(f"peak memory: {peaks[small]:.0f} MiB for {small:,} lines, {peaks[large]:.0f} MiB for {large:,}")
    if args.json:
        print(json.dumps(gathered, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
