#!/usr/bin/env python3
"""The accuracy gate: score connwatch against recorded truth, hold the floors, keep the published tables true.

    accuracy.py [--cases DIR] [--cmd CONNWATCH] [--only SITUATION ...] [--write] [--json]

DIR holds `tools/score.py`, `cases/captures/` and `cases/field.jsonl`. Without --write the tables in README.md and
docs/accuracy.md are compared with what was measured, and a difference beyond rounding is a failure; with --write they are renewed.
Exit status: 0 all well, 1 a floor was missed or a table is stale, 3 there are no cases to score against.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import pathlib
import re
import subprocess
import sys
import tomllib
from typing import Any

import alert_accuracy
import baselines

ROOT = pathlib.Path(__file__).resolve().parent.parent
GROUPING, VERDICTS = ("precision", "recall", "f1"), ("client", "outcome", "stage", "code")
TOLERANCE = 0.0051  # published with two decimals
README, DETAIL = ROOT / "README.md", ROOT / "docs" / "accuracy.md"
NUMBER = re.compile(r"\d+\.\d+")

Result = dict[str, Any]


def score(cases: pathlib.Path, cmd: str, situation: dict[str, Any]) -> Result:
    """One run of the scorer. Raises RuntimeError with its own words when it cannot run."""
    data = cases / "cases" / ("captures" if situation["what"] == "captures" else "field.jsonl")
    argv = [sys.executable, str(cases / "tools" / "score.py"), situation["what"], str(data), "--cmd", cmd, "--json", *situation["args"]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-400:] or f"{argv[1]}: exit {done.returncode}")
    result: Result = json.loads(done.stdout)
    return result


def share(value: str | float) -> float:
    """A verdict's `right/stated` as a number; 1.0 where nothing is stated."""
    if isinstance(value, str):
        right, stated = map(int, value.split("/"))
        return right / stated if stated else 1.0
    return float(value)


def misses(results: dict[str, Result], config: dict[str, Any]) -> list[str]:
    """One sentence for each floor that was not held."""
    found = []
    for name, result in results.items():
        summary = result["summary"]
        for key, floor in config["situations"][name]["floors"].items():
            if share(summary[key]) < floor:
                found.append(f"{name}: {key} is {share(summary[key]):.4f} ({summary[key]}), the floor is {floor:.2f}")
        found += [f"{name}: {key} is {summary[key]}, must be 0" for key in config["zero"]["keys"] if summary.get(key)]
        found += [f"{name}: {row.get('capture') or row.get('case')}: {row['error']}" for row in result["rows"] if "error" in row]
    return found


def two(value: str | float) -> str:
    """A cell: two decimals, cut rather than rounded up, so that no table claims a floor that the gate denies."""
    return f"{int(share(value) * 100 + 1e-9) / 100:.2f}"


def summary_table(results: dict[str, Result], base: dict[str, baselines.Score], config: dict[str, Any]) -> str:
    head = ["situation", "precision", "recall", "F1", "client", "outcome", "stage", "first diagnosis"]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for name, result in results.items():
        summary = result["summary"]
        cells = [two(summary[key]) if key in summary else "" for key in (*GROUPING, *VERDICTS)]
        rows.append("| " + " | ".join([f"**{config['situations'][name]['title']}**", *cells]) + " |")
    for title, found in base.items():
        rows.append("| " + " | ".join([f"baseline on the proxy alone: {title}", *map(two, found), *[""] * 4]) + " |")
    return "\n".join(rows)


def detail_table(results: dict[str, Result], config: dict[str, Any]) -> str:
    """One row a capture: F1 (precision) in every situation, and which verdicts are wrong with both logs."""
    names = [n for n in results if config["situations"][n]["what"] == "captures"]
    rows: dict[str, dict[str, Any]] = {}
    for name in names:
        for row in results[name]["rows"]:
            rows.setdefault(row["capture"], {})[name] = row
    head = ["capture", "attempts", "lines", *(f"{config['situations'][n]['title']}: F1 (precision)" for n in names), "wrong verdicts, both logs"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for capture, by in sorted(rows.items()):
        first = next(iter(by.values()))
        cells = [capture, str(first.get("attempts", "")), str(first.get("lines", ""))]
        for name in names:
            row = by.get(name)
            cells.append("" if row is None else "error" if "error" in row else f"{two(row['f1'])} ({two(row['precision'])})")
        wrong = [" ".join(item.split(" ", 2)[:2]).replace("|", "/") for item in by.get("both", {}).get("wrong", [])]
        cells.append(", ".join(wrong))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def field_list(result: Result) -> str:
    """The field cases that came out otherwise than known, each with what was said and what is known."""
    lines = []
    for row in result["rows"]:
        if "wrong" in row:
            client, outcome, stuck, codes = row["got"] or ["-", "no attempt", None, []]
            said = f"{client}, {outcome}, stuck at {stuck or 'nothing'}, {' then '.join(codes) or 'no diagnosis'}"
            lines.append(f"- `{row['case']}`: {', '.join(row['wrong'])} (said: {said})")
    return "\n".join(lines) or "None."


def replaced(text: str, name: str, body: str) -> str:
    """`text` with what stands between the markers of `name` replaced. Raises ValueError where there are none."""
    pattern = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no markers <!-- {name}:begin --> and <!-- {name}:end -->")
    return pattern.sub(lambda m: f"{m[1]}{body}\n{m[2]}", text)


def same(published: str, measured: str) -> bool:
    """Equal but for rounding: the same text, and decimals no further apart than the last published digit."""
    if NUMBER.sub("#", published) != NUMBER.sub("#", measured):
        return False
    pairs = zip(NUMBER.findall(published), NUMBER.findall(measured), strict=True)
    return all(abs(float(a) - float(b)) <= TOLERANCE for a, b in pairs)


def publish(blocks: dict[pathlib.Path, dict[str, str]], write: bool) -> list[str]:
    """Renew or verify the generated parts; the answer names what is stale."""
    stale = []
    for path, parts in blocks.items():
        old = new = path.read_text(encoding="utf-8")
        for name, body in parts.items():
            new = replaced(new, name, body)
        if write:
            path.write_text(new, encoding="utf-8")
        elif not same(old, new):
            stale.append(f"{path.relative_to(ROOT)} is stale: run `make accuracy ARGS=--write`")
    return stale


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=pathlib.Path, default=ROOT.parent / "shared", help="where the recorded truth is (default: ../shared)")
    parser.add_argument("--cmd", default=str(ROOT / ".venv" / "bin" / "connwatch"), help="how connwatch is started")
    parser.add_argument("--only", action="append", metavar="SITUATION", help="score this situation alone (repeatable); tables are left as they are")
    parser.add_argument("--write", action="store_true", help="renew the tables in README.md and docs/accuracy.md")
    parser.add_argument("--json", action="store_true", help="print everything that was measured")
    args = parser.parse_args()
    cases = args.cases.resolve()
    if not (cases / "tools" / "score.py").is_file():
        print(f"accuracy: no recorded truth at {cases} (name it with --cases DIR, or make accuracy CASES=DIR)", file=sys.stderr)
        return 3
    config = tomllib.loads((ROOT / "tools" / "floors.toml").read_text(encoding="utf-8"))
    names = args.only or list(config["situations"])
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        futures = {name: pool.submit(score, cases, args.cmd, config["situations"][name]) for name in names}
        results = {name: future.result() for name, future in futures.items()}
    base = baselines.measure(cases / "cases" / "captures")
    table = summary_table(results, base, config)
    print(json.dumps(results, indent=1) if args.json else table)
    problems = misses(results, config)
    if not args.only:
        detail = {"accuracy-summary": table, "accuracy-captures": detail_table(results, config), "accuracy-field": field_list(results["field"])}
        alerts, counts = alert_accuracy.table(cases)
        print(alerts, file=sys.stderr)
        problems += [
            f"alerts, {name}: {tally['wrong']} messages about what went well, at most {config['alerts']['wrong']}"
            for name, tally in counts.items()
            if tally["wrong"] > config["alerts"]["wrong"]
        ]
        problems += [
            f"alerts, {name}: {tally['missed']} of {tally['bad']} attempts that went wrong were missed, at most {config['alerts']['missed']:.0%}"
            for name, tally in counts.items()
            if tally["missed"] > config["alerts"]["missed"] * tally["bad"]
        ]
        detail["accuracy-alerts"] = alerts
        problems += publish({README: {"accuracy-summary": table}, DETAIL: detail}, args.write)
    for problem in problems:
        print(f"accuracy: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
