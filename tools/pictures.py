#!/usr/bin/env python3
"""Draw what connwatch shows on a terminal, and the message that it would have sent, as SVG: docs/pictures/*.svg, from docs/examples/access.log.

    pictures.py [--write]

Without --write it compares, and exits with 1 when a picture is stale. Nothing is drawn by hand: the lines are those of the program.
"""

from __future__ import annotations

import argparse
import html
import sys
from collections.abc import Sequence
from pathlib import Path

from connwatch.alerts.policy import compile_policy
from connwatch.alerts.preview import preview
from connwatch.alerts.wording import Writer
from connwatch.cli.alertlines import notice_lines
from connwatch.cli.previewing import turns_of_logs
from connwatch.cli.spans import Line
from connwatch.cli.waterfall import waterfall
from connwatch.engine import Engine, EngineOptions
from connwatch.settings.loader import load_catalogue
from connwatch.settings.messages import load_templates
from connwatch.sources.finished import Finished

ROOT = Path(__file__).resolve().parent.parent
LOG, FOLDER = "docs/examples/access.log", ROOT / "docs" / "pictures"
WIDTH = 104  # columns
CELL, ROW, MARGIN = 8.43, 19, 16  # pixels
COLOURS = {"": "#d7dae0", "strong": "#ffffff", "faint": "#8b919c", "good": "#8cc570", "warn": "#e5c07b", "bad": "#ef7a85", "wait": "#6cb8c9"}


def drawn(lines: Sequence[Line], prompt: str) -> str:
    """The lines under the command that gives them, as one picture."""
    rows: list[Line] = [[("$ ", "faint"), (prompt, "strong")], [], *lines]
    width, height = round(WIDTH * CELL + 2 * MARGIN), len(rows) * ROW + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{html.escape(prompt)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#1f2329"/>',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ]
    for number, line in enumerate(rows):
        y, column = MARGIN + (number + 0.75) * ROW, 0
        for text, tone in line:
            if text.strip():
                weight = ' font-weight="bold"' if tone == "strong" else ""
                x, length = MARGIN + column * CELL, len(text) * CELL
                shown = html.escape(text).replace(" ", "&#160;")
                parts.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{COLOURS[tone]}"{weight} textLength="{length:.1f}">{shown}</text>')
            column += len(text)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _beginning(lines: Sequence[Line]) -> list[Line]:
    """The requests, the first diagnosis and its first two checks: the rest is for whoever has the problem."""
    checks = [number for number, line in enumerate(lines) if line and line[0][0].strip() == "check"]
    return [*lines[: checks[2]], [("check    …", "faint")]]


def pictures() -> dict[str, str]:
    """Each picture by its name."""
    catalogue = load_catalogue()
    policy = compile_policy(catalogue.alerts, catalogue.diagnoses)
    log = Finished(LOG)
    log.open()
    found = preview(policy, turns_of_logs(Engine(catalogue, EngineOptions(live=True)), [log], 2.0))
    notice = found.notices[0]
    attempt = found.attempts[notice.entries[0].attempts[-1]]
    course = _beginning(waterfall(attempt, WIDTH))
    text = Writer(load_templates(), policy.titles).write(notice, found.attempts.get)
    message = list(notice_lines(notice, text, WIDTH, whole=True))
    show = f"connwatch replay {LOG} --attempt {attempt.id[:4]}"
    return {"waterfall.svg": drawn(course, show), "alert.svg": drawn(message, f"connwatch alerts --preview {LOG} --full")}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="renew the pictures")
    write = parser.parse_args().write
    stale = []
    for name, text in pictures().items():
        path = FOLDER / name
        if write:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    for name in stale:
        print(f"docs/pictures/{name} is stale: run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
