#!/usr/bin/env python3
"""What each field of the recommended log format buys: the recorded captures that have it, scored with one field more than the default at a time.

    field_value.py [--cases DIR] [--cmd CONNWATCH] [--write]

The lines are cut down to the fields of a variant, replayed under the matching log_format, and scored by DIR/tools/score.py: the proxy's
log alone, grouping only. Prints the table of docs/log-formats.md; --write puts it there. It takes minutes, so the accuracy gate does not run it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import re
import sys
import tempfile
from typing import Any

from accuracy import replaced, two

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "log-formats.md"
DEFAULT = '$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$upstream_addr"'
#: In the order of the recorded lines: the words of the table, and how the fields stand in a log_format.
FIELDS = {
    "`$msec`": " $msec",
    "`$request_time`": " $request_time",
    "both session ids": ' "$http_mcp_session_id" "$sent_http_mcp_session_id"',
    "`$http_mcp_method`": ' "$http_mcp_method"',
    "`$http_mcp_protocol_version`": ' "$http_mcp_protocol_version"',
    "`$sent_http_www_authenticate`": ' "$sent_http_www_authenticate"',
}
TAIL = re.compile(r'^(?P<head>.*)(?P<f0> \S+)(?P<f1> \S+)(?P<f2> "[^"]*" "[^"]*")(?P<f3> "[^"]*")(?P<f4> "[^"]*")(?P<f5> "[^"]*")$')
VARIANTS: dict[str, list[int]] = {
    "the default line, stamped to the second": [],
    "the default line and `$msec`": [0],
    **{f"… and {name}": [0, number] for number, name in enumerate(FIELDS) if number},
    "all of them but `$request_time`": [0, 2, 3, 4, 5],
    "all of them": list(range(len(FIELDS))),
}


def cut_down(line: str, kept: list[int]) -> str:
    """A recorded line with these fields alone behind the default ones. Raises ValueError for a line of another shape."""
    match = TAIL.match(line)
    if match is None:
        raise ValueError(f"not a line of the rich format: {line[:120]}")
    return match["head"] + "".join(match[f"f{number}"] for number in kept)


def measured(scorer: Any, captures: pathlib.Path, cmd: str, kept: list[int]) -> dict[str, Any]:
    """The scorer's summary for one variant."""
    scorer.RICH = DEFAULT + "".join(list(FIELDS.values())[number] for number in kept)
    with tempfile.TemporaryDirectory() as folder:
        for truth_file in sorted(captures.glob("*/truth.json")):
            truth = json.loads(truth_file.read_text(encoding="utf-8"))
            sources = [one for one in truth["sources"] if "rich" in one]
            if not sources:
                continue
            to = pathlib.Path(folder) / truth_file.parent.name
            to.mkdir()
            (to / "truth.json").write_text(json.dumps({**truth, "sources": sources}), encoding="utf-8")
            for source in sources:
                lines = (truth_file.parent / source["rich"]).read_text(encoding="utf-8").splitlines()
                (to / source["rich"]).write_text("".join(f"{cut_down(line, kept)}\n" for line in lines), encoding="utf-8")
        result: dict[str, Any] = scorer.captures(pathlib.Path(folder), cmd, True, "rich")
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=pathlib.Path, default=ROOT.parent / "shared", help="where the recorded truth is (default: ../shared)")
    parser.add_argument("--cmd", default=str(ROOT / ".venv" / "bin" / "connwatch"), help="how connwatch is started")
    parser.add_argument("--write", action="store_true", help="renew the table in docs/log-formats.md")
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("score", args.cases / "tools" / "score.py")
    if spec is None or spec.loader is None or not (args.cases / "tools" / "score.py").is_file():
        print(f"no recorded truth in {args.cases}", file=sys.stderr)
        return 3
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    rows = ["| fields | precision | recall | F1 |", "| --- | --- | --- | --- |"]
    count = 0
    for title, kept in VARIANTS.items():
        result = measured(scorer, args.cases / "cases" / "captures", args.cmd, kept)
        summary, count = result["summary"], len(result["rows"])
        if summary.get("errors"):
            raise RuntimeError(f"{title}: {[row['error'] for row in result['rows'] if 'error' in row][:1]}")
        rows.append(f"| {title} | {two(summary['precision'])} | {two(summary['recall'])} | {two(summary['f1'])} |")
        print(rows[-1], f"{summary['f1']:.4f}", flush=True)
    if args.write:
        body = "\n".join([f"{count} recorded captures, the proxy's log alone:", "", *rows])
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), "field-value", body), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
